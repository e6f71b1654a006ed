"""Planes of any size under a Gaussian of any width, with bounded memory: wide ones are found from cells on disk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from tiler.core.gaussian import blurred, reach_of
from tiler.core.geometry import Box, Span
from tiler.errors import OutputError
from tiler.image.framed import framed
from tiler.image.level_file import LevelFile, LevelWriter
from tiler.image.prefetch import prefetched
from tiler.image.source import BAND_ROWS
from tiler.progress import Progress

# A box of pixels to what is known of them, (h, w, n).
Planes = Callable[[Box], NDArray[np.float32]]

# A cell is so much smaller than sigma that between the centres of cells a straight line is as good as a Gaussian.
CELLS_PER_SIGMA = 4
MOST_CELL_PX = 256
# Pixels whose planes are in memory at once.
MOST_AT_ONCE = 2**22
# What the mean of a cell, 1/12, and the line between two, 1/6, add to the variance, in cells.
OWN_VARIANCE = 0.25


@contextmanager
def softened(
    planes: Planes, shape: tuple[int, int], samples: int, sigma: float, scratch: Path, progress: Progress
) -> Iterator[Planes]:
    """Give a function from a box to the means of the planes under a Gaussian of `sigma` pixels, cut at three of them.

    planes: of a picture of `shape` (height, width), `samples` of them, float32; beyond its borders it goes on as it
    ends. They are read once here, from top to bottom, if sigma is 8 or more. scratch: a directory for their cells.
    What is given for a pixel does not depend on the box. Raises OutputError if the disk refuses.
    """
    side = cell_px(sigma)
    if side == 1:
        yield lambda box: blurred(framed(lambda one: (planes(one),), shape, box, reach_of(sigma))[0], sigma)
        return
    with TemporaryDirectory(dir=scratch, prefix=".soft-") as folder:
        cells = (-(-shape[0] // side), -(-shape[1] // side))
        level = LevelFile(Path(folder, "cells"), (*cells, samples), np.dtype(np.float32))
        try:
            _store(level, planes, shape, side, progress)
        except OSError as error:
            raise OutputError(f"{scratch}: {error.strerror}.", "Free some space there.") from error
        yield _Cells(level, side, sigma).read


def cell_px(sigma: float) -> int:
    """Return the side of a cell for a Gaussian of `sigma` pixels, a power of 2."""
    side = 1
    while side < MOST_CELL_PX and 2 * side * CELLS_PER_SIGMA <= sigma:
        side *= 2
    return side


def _store(level: LevelFile, planes: Planes, shape: tuple[int, int], side: int, progress: Progress) -> None:
    # Fewer rows of wide pictures, and whole cells.
    rows = max(side, min(BAND_ROWS, MOST_AT_ONCE // shape[1] // side * side))
    starts = range(0, shape[0], rows)
    progress.stage("soften", len(starts))

    def means(start: int) -> NDArray[np.float32]:
        values = planes(Box(Span(start, min(start + rows, shape[0])), Span(0, shape[1])))
        values = np.pad(values, ((0, -values.shape[0] % side), (0, -values.shape[1] % side), (0, 0)), mode="edge")
        progress.advance()
        tall = values.reshape(-1, side, values.shape[1] * values.shape[2]).mean(axis=1, dtype=np.float32)
        return np.asarray(tall.reshape(len(tall), -1, side, values.shape[2]).mean(axis=2, dtype=np.float32))

    with LevelWriter(level) as writer, prefetched(means, starts) as bands:
        for band in bands:
            writer.append(band)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Means of cells of `side` pixels, in a file."""

    level: LevelFile
    side: int
    sigma: float

    def read(self, box: Box) -> NDArray[np.float32]:
        sigma = ((self.sigma / self.side) ** 2 - OWN_VARIANCE) ** 0.5
        at = [(np.arange(span.start, span.stop) + 0.5) / self.side - 0.5 for span in (box.rows, box.cols)]
        spans = [Span(int(np.floor(one[0])), int(np.floor(one[-1])) + 2) for one in at]
        whole = self.level.shape[:2]
        # The centres of the outermost cells lie inside the picture, so one cell beyond them may be asked for.
        inner = Box(*(span.clip(Span(0, size)) for span, size in zip(spans, whole, strict=True)))
        soft = blurred(framed(lambda one: (self.level.read(one),), whole, inner, reach_of(sigma))[0], sigma)
        for axis, (one, span) in enumerate(zip(at, (inner.rows, inner.cols), strict=True)):
            soft = _between(soft, np.clip(one, span.start, span.stop - 1) - span.start, axis)
        return soft


def _between(cells: NDArray[np.float32], at: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Return values between those of an axis, at fractional positions of it."""
    before = np.minimum(at.astype(np.intp), max(cells.shape[axis] - 2, 0))
    after = np.minimum(before + 1, cells.shape[axis] - 1)
    share = (at - before).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(cells.ndim)])
    # In this form the ends are exact, whichever cell is taken for the first of the two.
    both = (np.take(cells, before, axis=axis) * (1 - share), np.take(cells, after, axis=axis) * share)
    return np.asarray(both[0] + both[1])
