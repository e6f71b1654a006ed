"""Changes to finished blocks of one level, made in the three steps of a write-ahead log.

Staged: the new blocks are on disk beside the old ones, which nothing has touched. Committed: one small file says that
all of them are there; from then on the change will be made, whatever happens to the process. Applied: the new blocks
have been copied over the old ones, which may be done again after a kill.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.atomic import atomic_file, sync_to_disk
from tiler.core.plan import Level
from tiler.core.seams import FIELDS, Seam, from_rows, to_rows


@dataclass(frozen=True, slots=True)
class Committed:
    """What was committed: the seams that change, and the caller's note."""

    seams: tuple[Seam, ...]
    note: str


class StagedBlocks:
    """The staged blocks of one level, uint16, in a Zarr array of their own that `make_array` opens or makes."""

    def __init__(self, root: Path, level: Level, make_array: Callable[[str], Any]) -> None:
        self._level = level
        self._make_array = make_array
        self._blocks = root / f"{level.index}-staged"
        self._marker = root / f"{level.index}-committed.json"

    def stage(self, i: int, j: int, steps: NDArray[np.uint16]) -> None:
        """Write what block (i, j) is to become."""
        self._make_array(self._blocks.name)[self._level.block(i, j).slices] = steps

    def commit(self, seams: Iterable[Seam], note: str) -> None:
        """Say that every block that is to change is staged, and which seams change with them."""
        for path in self._blocks.rglob("*"):
            sync_to_disk(path)  # a power cut must not leave the marker and take the pixels
        with atomic_file(self._marker) as file:
            file.write(json.dumps({"seams": to_rows(seams).tolist(), "note": note}).encode())

    def committed(self) -> Committed | None:
        """Return what was committed; None if nothing was."""
        if not self._marker.exists():
            return None
        found = json.loads(self._marker.read_text(encoding="utf-8"))
        rows = np.array(found["seams"], np.float64).reshape(-1, FIELDS)
        return Committed(from_rows(rows), str(found["note"]))

    def apply(self, array: Any) -> None:
        """Copy the staged blocks into `array`, the level's own; once more is the same."""
        for i, j in self._level.tiles:
            if (self._blocks / "c" / str(i) / str(j)).exists():
                self._copy(i, j, array)

    def discard(self) -> None:
        """Remove what was staged or committed."""
        self._marker.unlink(missing_ok=True)
        shutil.rmtree(self._blocks, ignore_errors=True)

    def _copy(self, i: int, j: int, array: Any) -> None:
        block = self._level.block(i, j).slices
        array[block] = np.asarray(self._make_array(self._blocks.name)[block])
