"""The alpha of every level on disk, written block by block from any thread, read in any window."""

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box, Span
from tiler.core.plan import Level, Plan
from tiler.core.seams import Seam
from tiler.errors import InputError, OutputError
from tiler.image.read.segment_cache import SegmentCache
from tiler.sealed import DamagedFileError, read_sealed, write_sealed
from tiler.store.block_file import Block, read_block, read_seams, write_block
from tiler.store.staged import StagedBlocks

WHITE = 65535
# Blocks kept decoded: neighbouring windows share most of theirs.
CACHED_BYTES = 16_000_000
SHAPES = "shapes.canvas"
# A block: the index of its level, its row and its column.
Key = tuple[int, int, int]


class Canvas:
    """A directory with one directory for each level, and in it one file for each block that is done.

    Two threads never write the same file. A window is read when the blocks under it are written, not before: one that
    is missing or damaged is an error, never black. A block that a power cut has torn is found by its checksum.
    """

    def __init__(self, root: Path, plan: Plan) -> None:
        """Open the canvas of `plan` in the directory `root`, with the blocks that are there; make what is missing."""
        self._root = root
        self._plan = plan
        self._staged = [StagedBlocks(root / f"{level.index}-staged", level) for level in plan.levels]
        # The seams of the blocks that are known to be whole.
        self._whole: dict[Key, tuple[Seam, ...]] = {}
        self._blocks = SegmentCache(self._alpha_of, CACHED_BYTES)
        self._spreads = SegmentCache(self._spread_of, CACHED_BYTES)
        with self._disk_errors():
            for level in plan.levels:
                (root / str(level.index)).mkdir(parents=True, exist_ok=True)
            if _shapes_on(root) != plan.shapes:
                write_sealed(root / SHAPES, json.dumps(plan.shapes).encode())

    def done(self, level: int) -> frozenset[tuple[int, int]]:
        """Return the blocks (row, column) that are there and whole."""
        return frozenset(block for block in self._plan.levels[level].tiles if self._is_whole((level, *block)))

    def has(self, level: int, i: int, j: int) -> bool:
        """Return whether block (i, j) is there, as written by a process that lives."""
        return self._path((level, i, j)).exists()

    def erase(self, level: int, blocks: Iterable[tuple[int, int]]) -> None:
        """Take blocks away, before any window of the level is read."""
        for block in blocks:
            self._whole.pop((level, *block), None)
            self._path((level, *block)).unlink(missing_ok=True)

    def write(
        self,
        level: int,
        i: int,
        j: int,
        alpha: NDArray[np.float32],
        seams: Sequence[Seam] = (),
        spread: NDArray[np.float32] | None = None,
    ) -> None:
        """Write block (i, j): its alpha, the seams above and left of it, and at the base the spread of its views.

        alpha, spread: float32, cut to 0..1 and rounded to the nearest of 65536 steps.
        Raises OutputError if the disk refuses; the blocks that were written stay.
        """
        steps = None if spread is None else _to_steps(spread)
        self._write((level, i, j), Block(_to_steps(alpha), tuple(seams), steps))

    def seams(self) -> tuple[Seam, ...]:
        """Return all seams that were written, from the finest level down, in the order of their blocks."""
        return tuple(seam for level in self._plan.levels for seam in self.seams_of(level.index))

    def seams_of(self, level: int) -> tuple[Seam, ...]:
        """Return the seams of one level that were written, in the order of their blocks."""
        keys = [(level, *block) for block in self._plan.levels[level].tiles]
        return tuple(seam for key in keys if self._is_whole(key) for seam in self._whole[key])

    def stage_block(self, level: int, i: int, j: int, alpha: NDArray[np.float32]) -> None:
        """Stage what block (i, j) is to become, rounded as `write` does; the block stays as it is until applied."""
        with self._disk_errors():
            self._staged[level].stage(i, j, _to_steps(alpha))

    def commit(self, level: int, seams: Iterable[Seam], note: str) -> None:
        """Say that all blocks that are to change are staged; `seams` change with them. `committed` returns `note`."""
        with self._disk_errors():
            self._staged[level].commit(seams, note)

    def committed(self, level: int) -> str | None:
        """Return the note of what was committed, or None if nothing was."""
        committed = self._staged[level].committed()
        return None if committed is None else committed.note

    def apply_staged(self, level: int) -> None:
        """Write the blocks and seams that were committed, if any were; once more is the same."""
        staged = self._staged[level]
        committed = staged.committed()
        if committed is None:
            return
        changed: dict[tuple[int, int], dict[str, Seam]] = {block: {} for block in sorted(committed.blocks)}
        for seam in committed.seams:
            changed.setdefault((seam.row, seam.col), {})[seam.across] = seam
        for (i, j), better in changed.items():
            block = self._stored((level, i, j))
            seams = tuple(({seam.across: seam for seam in block.seams} | better).values())
            alpha = staged.alpha(i, j) if (i, j) in committed.blocks else block.alpha
            self._write((level, i, j), replace(block, alpha=alpha, seams=seams))
        self._blocks.clear()  # the cached ones are the old ones

    def discard_staged(self, level: int) -> None:
        """Remove what was staged or committed."""
        self._staged[level].discard()

    def is_repair_whole(self, level: int) -> bool:
        """Return whether no repair was committed, or all blocks that it needs are there and undamaged."""
        return self._staged[level].is_whole()

    def steps(self, level: int, box: Box) -> NDArray[np.uint16]:
        """Return the (h, w) alpha of `box`, uint16, 65535 = foreground; raises OutputError if it is not there."""
        return self._read(self._blocks, level, box)

    def alpha(self, level: int, box: Box) -> NDArray[np.float32]:
        """Return the (h, w) alpha of `box`, float32 in 0..1; raises OutputError if it is not there."""
        return np.asarray(self.steps(level, box) / np.float32(WHITE), dtype=np.float32)

    def spread(self, box: Box) -> NDArray[np.float32]:
        """Return how far the views part inside `box`, in pixels of the base, (h, w) float32 in 0..1."""
        steps = self._read(self._spreads, len(self._plan.levels) - 1, box)
        return np.asarray(steps / np.float32(WHITE), dtype=np.float32)

    def _read(self, blocks: SegmentCache[Key], level: int, box: Box) -> NDArray[np.uint16]:
        out = np.empty(box.shape, np.uint16)
        for i, j, block in _touched(self._plan.levels[level], box):
            part = Box(block.rows.clip(box.rows), block.cols.clip(box.cols))
            out[part.within(box).slices] = blocks.get((level, i, j))[part.within(block).slices]
        return out

    def _alpha_of(self, key: Key) -> NDArray[np.uint16]:
        return self._stored(key).alpha

    def _spread_of(self, key: Key) -> NDArray[np.uint16]:
        block = self._stored(key)
        return np.zeros_like(block.alpha) if block.spread is None else block.spread

    def _stored(self, key: Key) -> Block:
        """Return a block from the disk; raises OutputError if it is missing or damaged."""
        path, shape = self._path(key), self._shape(key)
        try:
            try:
                return read_block(path, shape)
            except FileNotFoundError:
                # A network file system may remember that the file was not there, until its directory is read again.
                list(path.parent.iterdir())
                return read_block(path, shape)
        except (FileNotFoundError, DamagedFileError) as error:
            raise OutputError(
                f"{path}: this block of the work folder is missing or damaged.",
                "Give the same command again: the block is made anew.",
            ) from error

    def _is_whole(self, key: Key) -> bool:
        if key not in self._whole:
            try:
                self._whole[key] = read_block(self._path(key), self._shape(key)).seams
            except (FileNotFoundError, DamagedFileError):
                return False
        return True

    def _write(self, key: Key, block: Block) -> None:
        with self._disk_errors():
            write_block(self._path(key), block)
        self._whole[key] = block.seams

    def _path(self, key: Key) -> Path:
        level, i, j = key
        return self._root / str(level) / f"{i}-{j}.block"

    def _shape(self, key: Key) -> tuple[int, int]:
        level, i, j = key
        return self._plan.levels[level].block(i, j).shape

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            needed = sum(2 * height * width for height, width in self._plan.shapes)
            raise OutputError(
                f"{self._root}: cannot be written: {error.strerror or error}; "
                f"{shutil.disk_usage(self._root.parent).free / 1e6:.0f} MB are free, "
                f"and the alphas of this picture take up to {needed / 1e6:.0f} MB in all.",
                "Free some space and give the same command again: it continues.",
            ) from error


def seams_on(root: Path) -> tuple[tuple[tuple[int, int], ...], tuple[Seam, ...]]:
    """Return what the canvas in `root`, or in the work folder `root`, holds so far: its levels and its seams.

    Levels are (height, width), the full picture first. The canvas is only read, and may be one that a run is at work
    on. Raises InputError if there is none.
    """
    found = root / "canvas" if (root / "canvas").is_dir() else root
    shapes = _shapes_on(found)
    if not shapes:
        raise InputError(f"{root}: there is no canvas here.", "Name a picture, an .npz of --snapshot, or OUTPUT.tiler.")
    seams: list[Seam] = []
    for level in range(len(shapes)):
        files = (found / str(level)).glob("*.block")
        for path in sorted(files, key=lambda path: [int(part) for part in path.stem.split("-")]):
            try:
                seams += read_seams(path)
            except FileNotFoundError:
                continue  # the run has ended meanwhile
            except DamagedFileError as error:
                raise InputError(f"{path}: this block is damaged.", "Continue the run, which makes it anew.") from error
    return shapes, tuple(seams)


def _shapes_on(root: Path) -> tuple[tuple[int, int], ...]:
    """Return the shapes of the levels of the canvas in `root`; none if there is no canvas."""
    try:
        return tuple((height, width) for height, width in json.loads(read_sealed(root / SHAPES)))
    except (FileNotFoundError, NotADirectoryError, DamagedFileError):
        return ()


def _to_steps(alpha: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.rint(np.clip(alpha, 0.0, 1.0) * WHITE).astype(np.uint16)


def _touched(level: Level, box: Box) -> Iterator[tuple[int, int, Box]]:
    """Yield the blocks of `level` that a box of real pixels touches, (row, column, box)."""
    for i in _indices(box.rows, level.rows.block_px):
        for j in _indices(box.cols, level.cols.block_px):
            yield i, j, level.block(i, j)


def _indices(span: Span, block_px: int) -> range:
    return range(span.start // block_px, -(-span.stop // block_px))
