"""The door of a batch: no error of one file gets past it."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import perf_counter

from tiler.batch.items import Item, Outcome, Result
from tiler.batch.table import ODD_BYTES, one_line
from tiler.errors import OutputError, TilerError

# Outcome, tiles run, and reason.
Done = tuple[Outcome, int, str]


@dataclass(frozen=True, slots=True)
class Log:
    """The file for the tracebacks of what nobody foresaw."""

    path: Path
    writing: Lock = field(default_factory=Lock)

    def keep(self, item: Item) -> str:
        """Add the traceback of the error that is being handled; return where it is."""
        when = time.strftime("%Y-%m-%d %H:%M:%S")
        try:
            with self.writing, self.path.open("a", encoding="utf-8", errors=ODD_BYTES) as file:
                file.write(f"{when} {one_line(str(item.source))}\n{traceback.format_exc()}\n")
        except OSError as error:
            return f"(no traceback: {self.path} cannot be written: {error.strerror})"
        return f"(traceback in {self.path})"


def guarded(item: Item, work: Callable[[], Done], log: Log) -> Result:
    """Return what became of an item, after `work` if it is not foregone."""
    began = perf_counter()
    done: Done = (item.foregone or "failed", 0, item.reason)
    try:
        if item.foregone is None:
            done = work()
    except TilerError as error:
        done = ("failed", 0, " ".join(str(error).split()))
    except Exception as error:  # whatever it is, it is this file's failure and no other's
        kept = log.keep(item)
        done = ("failed", 0, f"{type(error).__name__}: {one_line(str(error))} {kept}")
    outcome, tiles_run, reason = done
    return Result(str(item.source), str(item.output), outcome, perf_counter() - began, tiles_run, reason)


def make_folder(folder: Path) -> None:
    """Make a folder for outputs; raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}.", "Name another folder with -o.") from error
