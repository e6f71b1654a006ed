"""Changes to finished blocks of one level, made in the three steps of a write-ahead log.

Staged: the new blocks are on disk beside the old ones, which nothing has touched. Committed: one small file says that
all of them are there; from then on the change will be made, whatever happens to the process. Applied: the new blocks
have been copied over the old ones, which may be done again after a kill.
"""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiler.atomic import sync_tree_to_disk
from tiler.core.plan import Level
from tiler.core.seams import FIELDS, Seam, from_rows, to_rows
from tiler.sealed import DamagedFileError, read_sealed, write_sealed
from tiler.store.block_file import Block, read_block, write_block


@dataclass(frozen=True, slots=True)
class Committed:
    """What was committed: the blocks that are staged, the seams that change, and the caller's note."""

    blocks: frozenset[tuple[int, int]]
    seams: tuple[Seam, ...]
    note: str


class StagedBlocks:
    """The staged blocks of one level, one file each, in the directory `folder`."""

    def __init__(self, folder: Path, level: Level) -> None:
        self._level = level
        self._folder = folder
        self._marker = folder / "committed.staged"

    def stage(self, i: int, j: int, steps: NDArray[np.uint16]) -> None:
        """Write what the alpha of block (i, j) is to become."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_block(self._path(i, j), Block(steps))

    def commit(self, seams: Iterable[Seam], note: str) -> None:
        """Say that every block that is to change is staged, and which seams change with them."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # A power cut must not leave the marker and take the blocks that it speaks for.
        sync_tree_to_disk(self._folder)
        blocks = [block for block in self._level.tiles if self._path(*block).exists()]
        said = {"blocks": blocks, "seams": to_rows(seams).tolist(), "note": note}
        write_sealed(self._marker, json.dumps(said).encode(), durable=True)

    def committed(self) -> Committed | None:
        """Return what was committed; None if nothing was. Raises DamagedFileError."""
        try:
            found = json.loads(read_sealed(self._marker))
        except FileNotFoundError:
            return None
        rows = np.array(found["seams"], np.float64).reshape(-1, FIELDS)
        return Committed(frozenset((i, j) for i, j in found["blocks"]), from_rows(rows), str(found["note"]))

    def alpha(self, i: int, j: int) -> NDArray[np.uint16]:
        """Return what the alpha of block (i, j) is to become. Raises FileNotFoundError or DamagedFileError."""
        return read_block(self._path(i, j), self._level.block(i, j).shape).alpha

    def is_whole(self) -> bool:
        """Return whether nothing was committed, or all of it is there and undamaged."""
        try:
            committed = self.committed()
            for block in committed.blocks if committed else ():
                self.alpha(*block)
        except (FileNotFoundError, DamagedFileError):
            return False
        return True

    def discard(self) -> None:
        """Remove what was staged or committed; the marker first, as it speaks for the others."""
        self._marker.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, i: int, j: int) -> Path:
        return self._folder / f"{i}-{j}.block"
