"""The pyramid: the picture at every level of the plan, made in one pass over its rows and read in any window.

Level 0 is the picture. Each next level is half of the one above it; the last one, the base, is resized to the working
size of the guide. Level 0 keeps the samples of the source, the others are sRGB. The pass is a chain of generators:
bands of rows are read from the source, stored, halved, joined to whole bands again, stored, and so on. So there is one
band per level in memory, whatever the height, and the next ones, which are read meanwhile.
"""

import errno
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tiler.core.geometry import Box, Span
from tiler.errors import OutputError
from tiler.image.halving import halve
from tiler.image.level_file import LevelFile, LevelWriter
from tiler.image.limits import size_of
from tiler.image.own_alpha import seen
from tiler.image.prefetch import prefetched
from tiler.image.resizing import reach_of, resized
from tiler.image.source import BAND_ROWS, Pixels, Source, samples_of
from tiler.progress import Progress

# More are hardly faster: one thread halves and stores.
MOST_READERS = 2

OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT)


class Pyramid:
    """The levels of one picture; close the source only after the last `read`."""

    def __init__(self, source: Source, stored: dict[int, LevelFile]) -> None:
        self._source = source
        self._stored = stored

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the dtype of the pixels that `read` returns."""
        return srgb_dtype(self._source.dtype)

    def read(self, level: int, box: Box) -> Pixels:
        """Return the (h, w, 3) sRGB pixels of `box`, in pixels of `level`. Safe from any thread.

        They are uint8 if the source is, else uint16; where the picture is transparent, neutral grey.
        """
        if level:
            return self._stored[level].read(box)
        return seen(self.native(box), self._source)

    def native(self, box: Box) -> Pixels:
        """Return the (h, w, samples) pixels of `box` of level 0, as the source has them. Safe from any thread."""
        if 0 in self._stored:
            return self._stored[0].read(box)
        return self._source.read(box)


def build(
    source: Source,
    shapes: Sequence[tuple[int, int]],
    scratch: Path,
    progress: Progress,
    *,
    wraps: bool = False,
    threads: int = 1,
    band_rows: int = BAND_ROWS,
) -> Pyramid:
    """Read `source` once, from top to bottom, and return its pyramid.

    shapes: (height, width) of each level in pixels: the source's own, then halves (rounded up), then the base, of
    any size up to that of the level above. scratch: a directory for the levels; level 0 is stored there, too, if the
    source cannot be read in any order. wraps: the left and right ends are neighbours, so the resampling that makes the
    base reads across the join. threads: so many bands are read ahead, two at most, and one where the source
    cannot be read in any order. band_rows: rows of a band, an even number.

    Raises InputError if the source is damaged, OutputError if `scratch` is full.
    """
    stored = _levels(source, shapes, scratch)
    try:
        if 0 in stored or len(shapes) > 2:
            _stream(source, len(shapes) - 1, stored, band_rows, threads, progress)
        pyramid = Pyramid(source, stored)
        if len(shapes) > 1:
            _store_base(pyramid, shapes, stored[len(shapes) - 1], band_rows, wraps)
    except OSError as error:
        needed = sum(array.nbytes for array in stored.values())
        trouble = "the disk is full" if error.errno in OUT_OF_SPACE else error.strerror
        raise OutputError(
            f"{scratch}: {trouble}; this picture needs {size_of(needed)} of scratch space.",
            "Free some space, or name a directory on another disk with --work-dir.",
        ) from error
    return pyramid


def reopen(source: Source, shapes: Sequence[tuple[int, int]], scratch: Path) -> Pyramid:
    """Return the pyramid that `build` completed in `scratch` for the same source and shapes."""
    return Pyramid(source, _levels(source, shapes, scratch))


def is_whole(source: Source, shapes: Sequence[tuple[int, int]], scratch: Path) -> bool:
    """Return whether every sample that `build` wrote for the same source and shapes is in `scratch`; reads them all."""
    return all(level.is_whole() for level in _levels(source, shapes, scratch).values())


def srgb_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the sRGB levels of a source of `dtype`: uint8 if it is uint8, else uint16."""
    return np.dtype(np.uint8 if dtype == np.uint8 else np.uint16)


def _stream(
    source: Source, base: int, stored: dict[int, LevelFile], band_rows: int, threads: int, progress: Progress
) -> None:
    """Store every level above the base, and level 0 if it is in `stored`."""
    height, width = source.shape
    progress.stage("read and halve", -(-height // band_rows))

    def read(start: int) -> Pixels:
        return source.read(Box(Span(start, min(start + band_rows, height)), Span(0, width)))

    def counted(bands: Iterator[Pixels]) -> Iterator[Pixels]:
        for band in bands:
            yield band
            progress.advance()

    readers = min(threads, MOST_READERS) if source.random_access else 1
    with prefetched(read, range(0, height, band_rows), readers) as coming:
        bands = counted(coming)
        if 0 in stored:
            bands = _storing(bands, stored[0])
        bands = (seen(band, source) for band in bands)
        for level in range(1, base):
            bands = _storing(_joined(map(halve, bands), band_rows), stored[level])
        deque(bands, maxlen=0)


def _storing(bands: Iterator[Pixels], level: LevelFile) -> Iterator[Pixels]:
    """Yield each band after storing it below the one before."""
    with LevelWriter(level) as writer:
        for band in bands:
            writer.append(band)
            yield band


def _joined(bands: Iterator[Pixels], band_rows: int) -> Iterator[Pixels]:
    """Yield half bands joined in pairs to whole ones; the last may be short."""
    for band in bands:
        other = next(bands, None) if band.shape[0] * 2 == band_rows else None
        yield band if other is None else np.concatenate([band, other])


def _store_base(
    pyramid: Pyramid, shapes: Sequence[tuple[int, int]], base: LevelFile, band_rows: int, wraps: bool
) -> None:
    """Store the base: the level above it, resized a band at a time."""
    above = len(shapes) - 2
    height, width = shapes[above]
    scale = height / shapes[-1][0]
    reach = reach_of(scale)
    # Columns that are added to either side, from beyond the join.
    added = reach_of(width / shapes[-1][1]) if wraps else 0
    with LevelWriter(base) as writer:
        for start in range(0, shapes[-1][0], band_rows):
            rows = Span(start, min(start + band_rows, shapes[-1][0]))
            first, last = rows.start * scale, rows.stop * scale
            needed = Span(int(first), int(np.ceil(last))).grow(reach).clip(Span(0, height))
            pixels = pyramid.read(above, Box(needed, Span(0, width)))
            if added:
                pixels = np.concatenate([pixels[:, -added:], pixels, pixels[:, :added]], axis=1)
            bottom = min(last - needed.start, float(needed.size))
            part = (float(added), first - needed.start, float(added + width), bottom)
            writer.append(resized(pixels, (rows.size, shapes[-1][1]), part))


def _levels(source: Source, shapes: Sequence[tuple[int, int]], scratch: Path) -> dict[int, LevelFile]:
    """Return the file of each level that is stored: all but level 0, and that too if the source is read but once."""
    native = (samples_of(source), source.dtype)
    srgb = (3, srgb_dtype(source.dtype))
    found = {}
    for level in range(1 if source.random_access else 0, len(shapes)):
        samples, dtype = srgb if level else native
        found[level] = LevelFile(scratch / f"{level}.level", (*shapes[level], samples), dtype)
    return found
