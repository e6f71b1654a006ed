"""The sha256 of a file, and of a directory of files."""

import hashlib
from pathlib import Path
from typing import BinaryIO

from tiler.progress import Progress, Silent

READ_BYTES = 16 * 2**20
# From this size on, hashing takes seconds and is shown as a stage.
SHOWN_BYTES = 10**9


def sha256_of(path: Path, progress: Progress) -> str:
    """Return the sha256 of a file, hexadecimal; a large file is a stage of `progress`."""
    digest, pieces = hashlib.sha256(), -(-path.stat().st_size // READ_BYTES)
    shown = progress if pieces * READ_BYTES > SHOWN_BYTES else Silent()
    shown.stage("checksum", pieces)
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
            shown.advance()
    return digest.hexdigest()


def sha256_of_open(file: BinaryIO) -> str:
    """Return the sha256 of all bytes of an open file, hexadecimal; its position changes."""
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(READ_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def content_sha256(path: Path, progress: Progress | None = None) -> str:
    """Return the sha256 of a file; of a directory, that of the names and sha256 of all files in it, sorted."""
    progress = progress or Silent()
    if not path.is_dir():
        return sha256_of(path, progress)
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256_of(file, progress)}\n".encode())
    return digest.hexdigest()
