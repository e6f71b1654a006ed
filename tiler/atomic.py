"""Atomic writes: a file or a directory appears complete or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tiler.errors import OutputError

# The temporary name begins with so many characters of the target's name, so that it is not longer than a name may be.
NAME_CHARACTERS = 60


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file, open for writing and reading, that becomes `path` when the block ends without an error.

    If the block raises, the file is removed. An older `path` stays as it is until the new file replaces it by one
    rename, after its bytes are on the disk.

    Raises OutputError, naming `path`, if the disk refuses.
    """
    part = _temporary(path, "part")
    try:
        try:
            with part.open("x+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _refused(path, error) from error


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Give the path of a directory to make, which becomes `path` when the block ends without an error.

    If the block raises, the directory is removed. An older directory `path` is replaced at the end by two renames;
    between them `path` does not exist.

    Raises OutputError, naming `path`, if the disk refuses.
    """
    part, old = _temporary(path, "part"), _temporary(path, "old")
    try:
        try:
            yield part
            if path.exists():
                path.rename(old)
            try:
                part.rename(path)
            except OSError:
                if old.exists():
                    old.rename(path)
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise _refused(path, error) from error


def sync_to_disk(path: Path) -> None:
    """Wait until the bytes of the file `path` are on the disk; do nothing if `path` is a directory."""
    if path.is_file():
        with path.open("r+b") as file:
            os.fsync(file.fileno())


def _temporary(path: Path, what: str) -> Path:
    """Return a hidden name beside `path` that no other file has."""
    return path.with_name(f".{path.name[:NAME_CHARACTERS]}.{what}-{secrets.token_hex(4)}")


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path}: cannot be written: {error.strerror or error}.",
        "Free some space on that disk, or name another place for the output.",
    )
