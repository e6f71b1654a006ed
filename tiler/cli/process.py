"""What the command line does to its own process, and the library never does to its host: memory, logs, terminal."""

import faulthandler
import logging
import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

from tiler.progress import Interruptible, Progress
from tiler.settings import Settings

STDERR = 2
# What tells a run to stop: Ctrl-C, the system or a supervisor, and a terminal that goes away.
STOPS = ("SIGINT", "SIGTERM", "SIGHUP")
# The signals that have come.
_came: list[int] = []


class Stopped(KeyboardInterrupt):
    """A signal told the process to stop; `number` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def obeying(progress: Progress) -> Progress:
    """Return `progress` as one that ends a run which a signal has told to stop, should its exception have been lost.

    Python drops an exception that is raised while a library calls back, or while an object is removed.
    """
    return Interruptible(progress, _check_signals)


def own_process() -> None:
    """Let signals that end a process do so as Ctrl-C does, and keep the logs of libraries off the terminal.

    A signal that is ignored stays so, as under nohup. TensorFlow logs through Abseil before Abseil knows how much to
    log, and no setting reaches that. So what libraries write to file descriptor 2 goes nowhere, and `sys.stderr` keeps
    the terminal. A crash in a library still shows where it was. Names that are no text are printed with escapes.
    """
    for name in STOPS:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TQDM_DISABLE", "1")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if sys.stderr is None:  # it was closed before this process began
        sys.stderr = os.fdopen(os.dup(nowhere), "w", encoding="utf-8")
    else:
        encoding = sys.stderr.encoding
        sys.stderr.flush()
        sys.stderr = os.fdopen(os.dup(STDERR), "w", buffering=1, encoding=encoding, errors="backslashreplace")
    os.dup2(nowhere, STDERR)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    faulthandler.enable(file=sys.stderr)


def stopped_by() -> int | None:
    """Return the number of the signal that told the process to stop, if one has come."""
    return _came[-1] if _came else None


def say(text: str) -> None:
    """Print to stderr, if it is still there: a terminal may be gone, a disk full."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        abandon(sys.stderr)


def abandon(stream: TextIO | None) -> None:
    """Let what is still to be printed to `stream` go nowhere: nobody reads it, or there is no room for it."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def prepare(settings: Settings | None = None, beside: Path | None = None) -> None:
    """Set up memory pools, limit caches, and quieten loggers: once the heavy libraries may be imported.

    Scratch files of libraries go where those of the run go: into its `work_dir`, or into the directory `beside`.
    """
    from tiler.image.read.vips import limit_vips_cache
    from tiler.memory import set_up_malloc

    set_up_malloc()
    limit_vips_cache()
    loggers = ["modelscope", "modelscope_hub"]
    if settings is not None:
        _place_scratch(settings.run.work_dir or (None if os.environ.get("TMPDIR") else beside))
    if settings is not None and settings.compute.cluster is not None:
        with suppress(ImportError):
            import distributed  # noqa: F401  (on import it sets the level of its loggers)
        loggers.append("distributed")
    for name in loggers:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # It logs what it finds odd in a picture. What matters is raised as an error that names the file.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())


def _place_scratch(folder: Path | None) -> None:
    """Let libraries make their scratch files in `folder`: libvips, tempfile and child processes go by TMPDIR."""
    if folder is not None and folder.is_dir():
        os.environ["TMPDIR"] = str(folder.absolute())
        tempfile.tempdir = None


def _check_signals() -> None:
    if _came:
        raise Stopped(_came[-1])


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    _came.append(number)
    raise Stopped(number)
