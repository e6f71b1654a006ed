"""What a level in the making leaves on disk beside its finished blocks, so that a killed run repeats little.

A block needs its neighbours' tiles, so at any moment about two rows of tiles have run whose blocks are not written.
Their answers are kept here until they are. Tiles that the network failed on are listed here too.
"""

import os
import shutil
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiler.store.looks import Looks

CHECKSUM_BYTES = 4


@dataclass(frozen=True, slots=True, order=True)
class FailedTile:
    """A tile (row, column) of a level that the network gave no answer for, and why; the guide takes its place."""

    level: int
    row: int
    col: int
    reason: str


class Journal:
    """A directory with one file for each tile that is kept, and one for each that failed. Safe from any thread.

    Files are written aside and renamed, so a killed process leaves no torn one; a power cut may, and then the
    checksum is wrong and the file counts for nothing.
    """

    def __init__(self, root: Path) -> None:
        """Open the journal in the directory `root`, which is made if need be."""
        self._root, self._tiles, self._failed = root, root / "tiles", root / "failed"
        self._tiles.mkdir(parents=True, exist_ok=True)
        self._failed.mkdir(exist_ok=True)

    def keep(self, level: int, i: int, j: int, alpha: NDArray[np.float32]) -> None:
        """Keep the answer of tile (i, j) until `forget`; a full disk keeps nothing, and the next block reports it."""
        data = alpha.tobytes()
        with suppress(OSError):
            _write_atomically(
                self._tiles / f"{level}-{i}-{j}", data + zlib.crc32(data).to_bytes(CHECKSUM_BYTES, "little")
            )

    def kept(self, level: int) -> frozenset[tuple[int, int]]:
        """Return the tiles (row, column) of a level whose answers are here and whole."""
        paths = [path for path in self._tiles.glob(f"{level}-*") if path.suffix == ""]
        return frozenset(_place(path)[1:] for path in paths if _payload(path) is not None)

    def recall(self, level: int, i: int, j: int, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return the answer of a tile that is `kept`, bit for bit, (h, w) float32 of `shape`."""
        data = (self._tiles / f"{level}-{i}-{j}").read_bytes()
        return np.frombuffer(data[:-CHECKSUM_BYTES], np.float32).reshape(shape)

    def forget(self, level: int, i: int) -> None:
        """Remove the kept tiles of row i."""
        for path in self._tiles.glob(f"{level}-{i}-*"):
            path.unlink(missing_ok=True)

    def fail(self, tile: FailedTile) -> None:
        """List a tile that failed, before any block is written that holds the guide in its place."""
        _write_atomically(self._failed / f"{tile.level}-{tile.row}-{tile.col}", tile.reason.encode())

    def failed(self) -> tuple[FailedTile, ...]:
        """Return the tiles that failed, in order."""
        paths = [path for path in self._failed.iterdir() if path.suffix == ""]
        return tuple(sorted(FailedTile(*_place(path), path.read_text(encoding="utf-8")) for path in paths))

    @property
    def shifted(self) -> "Journal":
        """Return the journal of the tiles on the shifted grid, which repair seams."""
        return Journal(self._root / "shifted")

    @property
    def looks(self) -> Looks:
        """Return the directory of what a closer look at small subjects finds, opened anew."""
        return Looks(self._root / "looks")

    def of_view(self, number: int) -> "Journal":
        """Return the journal of the tiles of the base in one of its views."""
        return Journal(self._root / "views" / str(number))

    def forget_views(self) -> None:
        """Remove the kept answers to all views."""
        shutil.rmtree(self._root / "views", ignore_errors=True)

    def clear_failed(self) -> None:
        """Empty the list of tiles that failed, and remove those kept: the network is to be asked again."""
        shutil.rmtree(self._root / "shifted", ignore_errors=True)
        for path in [*self._tiles.iterdir(), *self._failed.iterdir()]:
            path.unlink(missing_ok=True)


def _place(path: Path) -> tuple[int, int, int]:
    level, i, j = path.name.split("-")
    return int(level), int(i), int(j)


def _payload(path: Path) -> bytes | None:
    data = path.read_bytes()
    payload, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    return payload if payload and zlib.crc32(payload).to_bytes(CHECKSUM_BYTES, "little") == checksum else None


def _write_atomically(path: Path, data: bytes) -> None:
    part = path.with_suffix(f".{os.getpid()}")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
