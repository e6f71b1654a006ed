"""A file or a directory that appears complete or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tiler.errors import OutputError

# Characters of the target's own name in the temporary one, so that it is no longer than a name may be.
NAME_CHARACTERS = 60


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that becomes `path` when the block ends well, and is removed when it does not.

    Until then an older `path` stays as it is; the change is one rename, after the bytes are on the disk.

    Raises OutputError, naming `path`, if the disk refuses.
    """
    part = path.with_name(f".{path.name[:NAME_CHARACTERS]}.part-{secrets.token_hex(4)}")
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
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}.",
            "Free some space on that disk, or name another place for the output.",
        ) from error


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Give the path of a directory to make that becomes `path` when the block ends well, as `atomic_file` does.

    An older directory `path` gives way at the end; between two renames there is neither.
    """
    mark = secrets.token_hex(4)
    part = path.with_name(f".{path.name[:NAME_CHARACTERS]}.part-{mark}")
    old = path.with_name(f".{path.name[:NAME_CHARACTERS]}.old-{mark}")
    try:
        try:
            yield part
            if path.exists():
                path.rename(old)
            try:
                part.rename(path)
            except OSError:
                old.rename(path)
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}.",
            "Free some space on that disk, or name another place for the output.",
        ) from error


def sync_to_disk(path: Path) -> None:
    """Wait until the bytes of a file are on the disk; of a directory there is nothing to wait for."""
    if path.is_file():
        with path.open("r+b") as file:
            os.fsync(file.fileno())
