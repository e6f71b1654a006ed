"""What a level in the making leaves on disk beside its finished blocks, so that a killed run repeats little.

A block needs its neighbours' tiles, so at any moment about two rows of tiles have run whose blocks are not written.
Their answers are kept here until they are. Tiles that the network failed on are listed here too.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiler.errors import OutputError
from tiler.sealed import DamagedFileError, is_whole, read_sealed, write_sealed
from tiler.store.looks import Looks


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
        with suppress(OSError):
            write_sealed(self._tile(level, i, j), alpha.tobytes())

    def kept(self, level: int) -> frozenset[tuple[int, int]]:
        """Return the tiles (row, column) of a level whose answers are here and whole."""
        return frozenset(_place(path)[1:] for path in self._tiles.glob(f"{level}-*.tile") if is_whole(path))

    def recall(self, level: int, i: int, j: int, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return the answer of a tile that is `kept`, bit for bit, (h, w) float32 of `shape`.

        Raises OutputError if it was lost since.
        """
        path = self._tile(level, i, j)
        try:
            return np.frombuffer(read_sealed(path), np.float32).reshape(shape)
        except (FileNotFoundError, DamagedFileError) as error:
            raise OutputError(
                f"{path}: this tile of the work folder is missing or damaged.",
                "Give the same command again: the tile is run again.",
            ) from error

    def forget(self, level: int, i: int) -> None:
        """Remove the kept tiles of row i."""
        for path in self._tiles.glob(f"{level}-{i}-*.tile"):
            path.unlink(missing_ok=True)

    def fail(self, tile: FailedTile) -> None:
        """List a tile that failed, before any block is written that holds the guide in its place."""
        write_sealed(self._failed / f"{tile.level}-{tile.row}-{tile.col}.failed", tile.reason.encode())

    def failed(self) -> tuple[FailedTile, ...]:
        """Return the tiles that failed, in order."""
        return tuple(sorted(FailedTile(*_place(path), _reason(path)) for path in self._failed.glob("*.failed")))

    def _tile(self, level: int, i: int, j: int) -> Path:
        return self._tiles / f"{level}-{i}-{j}.tile"

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
    level, i, j = path.stem.split("-")
    return int(level), int(i), int(j)


def _reason(path: Path) -> str:
    try:
        return read_sealed(path).decode()
    except DamagedFileError:
        return "The reason was lost: its file is damaged."
