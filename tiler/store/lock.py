"""One process at a time in a work folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiler.errors import OutputError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`, which is made if need be, until the block ends.

    The system releases the lock of a process that dies. Where a system has no flock no process is refused.
    Raises OutputError if another process holds it, or if the folder cannot be made.
    """
    path = folder / "lock"
    try:
        folder.mkdir(exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"Scratch files cannot be made in {folder}: {error.strerror}.",
            "Name a directory that exists and can be written to with --work-dir.",
        ) from error
    with file:
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise OutputError(
                f"{folder}: process {file.read().strip()} is at work on this output.",
                "Wait until it is done, or name another output.",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
