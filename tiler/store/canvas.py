"""The alpha of every level on disk, written block by block from any thread, read in any window."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.errors import ContainsArrayError, GroupNotFoundError

from tiler.core.geometry import Box, Span
from tiler.core.plan import Level, Plan
from tiler.core.seams import FIELDS, SIDES, Seam, from_rows, to_rows
from tiler.errors import InputError, OutputError
from tiler.image.read.segment_cache import SegmentCache
from tiler.store.staged import StagedBlocks

WHITE = 65535
# Blocks kept decoded: neighbouring windows share most of theirs.
CACHED_BYTES = 16_000_000
# The key of the spread among cached blocks, where a level's is its index.
SPREAD = -1


class Canvas:
    """A Zarr group with one uint16 array per level, 65535 = foreground; one chunk is one block.

    Blocks are whole chunks, so two threads never touch the same file. A window is read when the blocks under it are
    written, not before. Chunks are written aside and renamed, empty ones too, so a block is done if its chunk is
    there; a chunk that a power cut has torn is found by the checksum at its end.
    """

    def __init__(self, root: Path, plan: Plan) -> None:
        """Open the canvas of `plan` in the directory `root`, with the blocks that are there; make what is missing."""
        group = zarr.open_group(root, mode="a")
        self._root = root
        self._layers = [_Layer(group, root, level) for level in plan.levels]
        self._spread = _Blocks(group, root, plan.levels[-1], "spread")
        self._blocks = SegmentCache(self._block, CACHED_BYTES)

    def done(self, level: int) -> frozenset[tuple[int, int]]:
        """Return the blocks (row, column) that are there and whole; at the base, with the spread of their views."""
        blocks = self._layers[level].done()
        return blocks & self._spread.done() if level == len(self._layers) - 1 else blocks

    def has(self, level: int, i: int, j: int) -> bool:
        """Return whether block (i, j) is there, as written by a process that lives."""
        return self._layers[level].chunk(i, j).exists()

    def erase(self, level: int, blocks: Iterable[tuple[int, int]]) -> None:
        """Take blocks away, before any window of the level is read."""
        for i, j in blocks:
            self._layers[level].chunk(i, j).unlink(missing_ok=True)

    def write(self, level: int, box: Box, alpha: NDArray[np.float32]) -> None:
        """Write `alpha`, float32, cut to 0..1 and rounded to the nearest of 65536 steps, into a whole block.

        Raises OutputError if the disk refuses; the blocks that were written stay.
        """
        with self._disk_errors():
            self._layers[level].array[box.slices] = _to_steps(alpha)

    def write_spread(self, box: Box, spread: NDArray[np.float32]) -> None:
        """Write how far the views part in a whole block of the base, as `write` writes alpha; before its alpha."""
        with self._disk_errors():
            self._spread.array[box.slices] = _to_steps(spread)

    def write_seams(self, level: int, i: int, j: int, seams: Sequence[Seam]) -> None:
        """Write the seams above and left of block (i, j), at most two; raises OutputError if the disk refuses."""
        if not seams:
            return  # most blocks of a large picture: no file for each
        rows = np.full((SIDES, FIELDS), np.nan)
        rows[: len(seams)] = to_rows(seams)
        with self._disk_errors():
            self._layers[level].seams[i, j] = rows

    def seams(self) -> tuple[Seam, ...]:
        """Return all seams that were written, from the finest level down, in the order of their blocks."""
        return tuple(seam for layer in self._layers for seam in _seams_in(layer.seams))

    def seams_of(self, level: int) -> tuple[Seam, ...]:
        """Return the seams of one level that were written, in the order of their blocks."""
        return _seams_in(self._layers[level].seams)

    def stage_block(self, level: int, i: int, j: int, alpha: NDArray[np.float32]) -> None:
        """Stage what block (i, j) is to become, rounded as `write` does; the block stays as it is until applied."""
        with self._disk_errors():
            self._layers[level].staged.stage(i, j, _to_steps(alpha))

    def commit(self, level: int, seams: Iterable[Seam], note: str) -> None:
        """Say that all blocks that are to change are staged; `seams` change with them. `committed` returns `note`."""
        with self._disk_errors():
            self._layers[level].staged.commit(seams, note)

    def committed(self, level: int) -> str | None:
        """Return the note of what was committed, or None if nothing was."""
        committed = self._layers[level].staged.committed()
        return None if committed is None else committed.note

    def apply_staged(self, level: int) -> None:
        """Write the blocks and seams that were committed, if any were; once more is the same."""
        layer = self._layers[level]
        committed = layer.staged.committed()
        if committed is None:
            return
        blocks: dict[tuple[int, int], dict[str, Seam]] = {}
        for seam in (*self.seams_of(level), *committed.seams):
            blocks.setdefault((seam.row, seam.col), {})[seam.across] = seam
        with self._disk_errors():
            layer.staged.apply(layer.array)
        self._blocks.clear()  # the cached ones are the old ones
        for i, j in {(seam.row, seam.col) for seam in committed.seams}:
            self.write_seams(level, i, j, list(blocks[i, j].values()))

    def discard_staged(self, level: int) -> None:
        """Remove what was staged or committed."""
        self._layers[level].staged.discard()

    def steps(self, level: int, box: Box) -> NDArray[np.uint16]:
        """Return the (h, w) alpha of `box`, uint16, 65535 = foreground."""
        return self._read(self._layers[level], level, box)

    def alpha(self, level: int, box: Box) -> NDArray[np.float32]:
        """Return the (h, w) alpha of `box`, float32 in 0..1."""
        return np.asarray(self.steps(level, box) / np.float32(WHITE), dtype=np.float32)

    def spread(self, box: Box) -> NDArray[np.float32]:
        """Return how far the views part inside `box`, in pixels of the base, (h, w) float32 in 0..1."""
        return np.asarray(self._read(self._spread, SPREAD, box) / np.float32(WHITE), dtype=np.float32)

    def _read(self, blocks: "_Blocks", key: int, box: Box) -> NDArray[np.uint16]:
        out = np.empty(box.shape, np.uint16)
        for i, j, block in blocks.touching(box):
            part = Box(block.rows.clip(box.rows), block.cols.clip(box.cols))
            out[part.within(box).slices] = self._blocks.get((key, i, j))[part.within(block).slices]
        return out

    def _block(self, key: tuple[int, int, int]) -> NDArray[np.uint16]:
        index, i, j = key
        return (self._spread if index == SPREAD else self._layers[index]).block(i, j)

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            needed = sum(layer.array.nbytes for layer in self._layers)
            raise OutputError(
                f"{self._root}: cannot be written: {error.strerror or error}; "
                f"{shutil.disk_usage(self._root).free / 1e6:.0f} MB are free, "
                f"and the alphas of this picture take up to {needed / 1e6:.0f} MB in all.",
                "Free some space and give the same command again: it continues.",
            ) from error


def seams_on(root: Path) -> tuple[tuple[tuple[int, int], ...], tuple[Seam, ...]]:
    """Return what the canvas in `root`, or in the work folder `root`, holds so far: its levels and its seams.

    Levels are (height, width), the full picture first. The canvas is only read, and may be one that a run is at work
    on. Raises InputError if there is none.
    """
    found = root / "canvas" if (root / "canvas").is_dir() else root
    try:
        arrays: dict[str, Any] = dict(zarr.open_group(found, mode="r").arrays())
    except (FileNotFoundError, GroupNotFoundError, ContainsArrayError):
        arrays = {}
    levels = sorted((name for name in arrays if name.isdigit()), key=int)
    if not levels:
        raise InputError(f"{root}: there is no canvas here.", "Name a picture, an .npz of --snapshot, or OUTPUT.tiler.")
    seams = tuple(seam for name in levels for seam in _seams_in(arrays[f"{name}-seams"]))
    return tuple(arrays[name].shape for name in levels), seams


class _Blocks:
    """An array of a level's shape, one chunk for each block."""

    def __init__(self, group: zarr.Group, root: Path, level: Level, name: str) -> None:
        self.level = level
        self._group = group
        self._chunks = root / name / "c"
        self.array = self.make_array(name)

    def make_array(self, name: str) -> Any:
        """Return an array of the level's shape, one chunk for each block, opened or made."""
        array = self._group.require_array(
            name,
            shape=self.level.shape,
            chunks=(self.level.rows.block_px, self.level.cols.block_px),
            dtype="uint16",
            fill_value=0,
            compressors=[ZstdCodec(), Crc32cCodec()],
        )
        return array.with_config({"write_empty_chunks": True})

    def chunk(self, i: int, j: int) -> Path:
        return self._chunks / str(i) / str(j)

    def done(self) -> frozenset[tuple[int, int]]:
        if not self._chunks.exists():
            return frozenset()
        return frozenset((i, j) for i, j in self.level.tiles if self.chunk(i, j).exists() and self._is_whole(i, j))

    def _is_whole(self, i: int, j: int) -> bool:
        try:
            self.block(i, j)
        except (ValueError, RuntimeError):  # the checksum's, and the decoder's
            return False
        return True

    def block(self, i: int, j: int) -> NDArray[np.uint16]:
        return np.asarray(self.array[self.level.block(i, j).slices], dtype=np.uint16)

    def touching(self, box: Box) -> Iterator[tuple[int, int, Box]]:
        """Yield the blocks that a box touches, (row, column, box)."""
        for i in _touched(box.rows, self.level.rows.block_px):
            for j in _touched(box.cols, self.level.cols.block_px):
                yield i, j, self.level.block(i, j)


class _Layer(_Blocks):
    """One level: its alpha, its seams, and the blocks that are staged for it."""

    def __init__(self, group: zarr.Group, root: Path, level: Level) -> None:
        name = str(level.index)
        super().__init__(group, root, level, name)
        self.staged = StagedBlocks(root, level, self.make_array)
        self.seams = group.require_array(
            f"{name}-seams",
            shape=(level.rows.count, level.cols.count, SIDES, FIELDS),
            chunks=(1, 1, SIDES, FIELDS),
            dtype="float64",
            fill_value=np.nan,
        )


def _seams_in(array: Any) -> tuple[Seam, ...]:
    """Return the seams that were written into an array (rows, columns, `SIDES`, `FIELDS`), in the order of blocks."""
    rows = np.asarray(array[:]).reshape(-1, FIELDS)
    return from_rows(rows[~np.isnan(rows[:, 0])])


def _to_steps(alpha: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.rint(np.clip(alpha, 0.0, 1.0) * WHITE).astype(np.uint16)


def _touched(span: Span, block_px: int) -> range:
    """Return the indices of the blocks that a span of real pixels touches."""
    return range(span.start // block_px, -(-span.stop // block_px))
