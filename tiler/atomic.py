"""Atomic writes: a file or a directory appears complete or not at all, and stays after a power cut."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from tiler.errors import OutputError

# Temporary names begin with so many characters of the target's name: of four bytes each, they fit into 255 bytes.
NAME_CHARACTERS = 40


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file, open for writing and reading, that becomes `path` when the block ends without an error.

    If the block raises, the file is removed. An older `path` stays as it is until the new file replaces it by one
    rename, after its bytes are on the disk. When this returns, the rename is on the disk too.

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
            sync_to_disk(path.parent)
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
    between them `path` does not exist. All that lies in it is on the disk before it becomes `path`.

    Raises OutputError, naming `path`, if the disk refuses.
    """
    part, old = _temporary(path, "part"), _temporary(path, "old")
    try:
        try:
            yield part
            sync_tree_to_disk(part)
            if path.exists():
                path.rename(old)
            try:
                part.rename(path)
            except OSError:
                if old.exists():
                    old.rename(path)
                raise
            sync_to_disk(path.parent)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise _refused(path, error) from error


def replace_bytes(path: Path, data: bytes) -> None:
    """Write `data` aside and rename it to `path`; a power cut may tear it, a kill may not. Raises OSError."""
    part = _temporary(path, "part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def remove_stale(path: Path) -> None:
    """Remove the part files and part directories of `path` that a killed process has left beside it.

    Call it only while no other process can be writing `path`. An old directory whose new one never came is put back.
    """
    ours = re.compile(rf"{re.escape(_stem(path))}\.(part|old)-[0-9a-f]{{8}}")
    with suppress(OSError):
        for found in sorted(path.parent.iterdir()):
            match = ours.fullmatch(found.name)
            if match and match[1] == "old" and found.is_dir() and not path.exists():
                found.rename(path)
            elif match and found.is_dir() and not found.is_symlink():
                shutil.rmtree(found, ignore_errors=True)
            elif match:
                found.unlink(missing_ok=True)


def sync_to_disk(path: Path) -> None:
    """Wait until the bytes of the file, or the names in the directory, `path` are on the disk.

    Where a system cannot sync directories (Windows), nothing is done for them.
    """
    if path.is_dir():
        if os.name == "nt":
            return
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    else:
        opened = os.open(path, os.O_RDWR)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_tree_to_disk(folder: Path) -> None:
    """Wait until all files and all names in `folder`, at any depth, are on the disk; deepest first."""
    for path in sorted(folder.rglob("*"), reverse=True):
        sync_to_disk(path)
    sync_to_disk(folder)


def _temporary(path: Path, what: str) -> Path:
    """Return a hidden name beside `path` that no other file has."""
    return path.with_name(f"{_stem(path)}.{what}-{secrets.token_hex(4)}")


def _stem(path: Path) -> str:
    """Return how the temporary names of `path` begin, and those of no other file in its directory."""
    return f".{path.name[:NAME_CHARACTERS]}.{sha256(os.fsencode(path.name)).hexdigest()[:8]}"


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path}: cannot be written: {error.strerror or error}.",
        "Free some space on that disk, or name another place for the output.",
    )
