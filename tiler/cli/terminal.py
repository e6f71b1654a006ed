"""Progress for people: a bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from tiler.progress import Progress, Silent

# In a log, a stage that takes long says how far it is this often.
LINE_EVERY_S = 10.0


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """Give the progress that fits stderr: bars on a terminal, lines in a file or pipe, nothing if `quiet`."""
    console = Console(stderr=True)
    if quiet:
        yield Silent()
    elif console.is_terminal:
        columns = (
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=console) as bars:
            yield OnTerminal(bars)
    else:
        yield InLines()


class OnTerminal:
    """One bar for each stage, the finished ones above the present one."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def stage(self, name: str, total: int) -> None:
        self._task = self._bars.add_task(name, total=total)

    def advance(self, steps: int = 1) -> None:
        if self._task is not None:
            self._bars.advance(self._task, steps)

    def note(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False)


class InLines:
    """One line when a stage begins and one every ten seconds while it lasts."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._name, self._total, self._done = "", 0, 0
        self._began = self._said = monotonic()

    def stage(self, name: str, total: int) -> None:
        with self._lock:
            self._name, self._total, self._done = name, total, 0
            self._began = self._said = monotonic()
        self.note(f"{name}: {total} to do")

    def advance(self, steps: int = 1) -> None:
        with self._lock:
            self._done += steps
            now = monotonic()
            if now - self._said < LINE_EVERY_S or self._done >= self._total:
                return
            self._said = now
            left_s = (now - self._began) / self._done * (self._total - self._done)
            line = f"{self._name}: {self._done} of {self._total}, about {left_s:.0f} s left"
        self.note(line)

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
