"""One process at a time in a work folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor, unlock_descriptor

from tiler.errors import OutputError

LOCK = "lock"
# The process at work is named behind the first byte, which a holder on Windows lets nobody read.
NAMED_AT = 1


class FolderGoneError(Exception):
    """The folder was removed, by the process that held its lock, before this one had it."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`, which is there and ours, until the block ends.

    The system releases the lock of a process that dies. The lock may be removed with its folder while it is held: who
    waits for it then is not let in.
    Raises OutputError if another process holds it, FolderGoneError, or another OSError.
    """
    path = folder / LOCK
    try:
        opened = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except FileNotFoundError as error:
        raise FolderGoneError from error
    try:
        if not lock_descriptor(opened, blocking=False):
            os.lseek(opened, NAMED_AT, os.SEEK_SET)
            raise OutputError(
                f"{folder}: process {os.read(opened, 20).decode(errors='replace')} is at work on this output.",
                "Wait until it is done, or name another output.",
            )
        if not _is_at(path, opened):
            raise FolderGoneError
        os.truncate(opened, 0)
        os.write(opened, b" " * NAMED_AT + str(os.getpid()).encode())
        try:
            yield
        finally:
            with suppress(OSError):
                unlock_descriptor(opened)
    finally:
        os.close(opened)


def _is_at(path: Path, opened: int) -> bool:
    """Return whether `path` still is the file that is `opened`."""
    try:
        return os.path.samestat(path.stat(), os.fstat(opened))
    except FileNotFoundError:
        return False
