"""A picture whose hair has the colours of the foreground, window by window."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.foreground import Cells, cell_px, foreground, nearly_opaque, needed, solve_cells
from tiler.core.geometry import Box, Span
from tiler.image.prefetch import prefetched
from tiler.image.source import BAND_ROWS, Pixels
from tiler.progress import Progress

# A box of pixels to these, (h, w, samples), and to their alpha, (h, w), 65535 = foreground.
ReadBoth = Callable[[Box], tuple[Pixels, NDArray[np.uint16]]]

WHITE = 65535
# Networks leave alphas within half a step of 8 bits of the ends on half of a picture. Below it nothing is to be seen of
# the foreground. Above the other the background's share is so small that a rough idea of its colour is enough, and in 8
# bits it is less than half a sample.
HALF_STEP = 128
# Side of the squares that are worked on, each by itself: what one step needs fits into the processor's cache.
BLOCK_PX = 256
# Side of the squares of which the largest samples add up to less than 2^32.
MOST_PX_OF_32_BITS = 256
# Infinite light would be taken for a colour, and is a mistake; this is the largest finite half float.
LARGEST_LIGHT = 65504


def with_clean_colours(
    read: ReadBoth, shape: tuple[int, int], dtype: np.dtype[Any], threads: int, progress: Progress
) -> ReadBoth:
    """Return a function like `read` whose pixels with an alpha between the ends have the foreground's colours.

    At the lower end are alphas that are 0 in 8 bits; at the upper end 65535, and for 8 bit pixels all that are 255 in
    8 bits. All other pixels are those of `read`, bit for bit. What is returned for a pixel depends on the picture and
    its alpha alone, not on the box that is asked for, nor on the number of `threads`. The whole picture is read once
    here, from top to bottom. shape: (height, width) of the picture. dtype: of its pixels; integers are full range, of
    floats the foreground's colours are 0 or more.
    """
    top = None if dtype.kind == "f" else 1.0
    cells = _solved(read, shape, top, threads, progress)

    def read_clean(box: Box) -> tuple[Pixels, NDArray[np.uint16]]:
        around = needed(box, cells)
        pixels, alpha = read(around)
        inner = box.within(around).slices
        clean = pixels[inner].copy()

        def clean_block(block: Box) -> None:
            """Mend a square, or the part of it that is mixed."""
            its_alpha, part = alpha[block.within(around).slices], clean[block.within(box).slices]
            if dtype != np.uint8 and (nearly := _is_nearly_opaque(its_alpha)).any():
                found = nearly_opaque(block, _planes(part), _share(its_alpha), cells, top)
                _write(found, nearly, part)
            mixed = _is_mixed(its_alpha)
            if mixed.any():
                block, mixed = _around(mixed, block)
                window = needed(block, cells).within(around).slices
                found = foreground(block, _planes(pixels[window]), _share(alpha[window]), cells, top)
                _write(found, mixed, clean[block.within(box).slices])

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(clean_block, _blocks(box)))
        return clean, alpha[inner]

    return read_clean


def _solved(read: ReadBoth, shape: tuple[int, int], top: float | None, threads: int, progress: Progress) -> Cells:
    """Read the picture from top to bottom and return F and B of its cells."""
    height, width = shape
    side_px = cell_px(shape)
    starts = range(0, height, BAND_ROWS)
    progress.stage("colours", len(starts))

    def means(start: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        pixels, alpha = read(Box(Span(start, min(start + BAND_ROWS, height)), Span(0, width)))
        progress.advance()
        return _cell_means(_finite(pixels), side_px), _cell_means(alpha[..., None], side_px)

    with prefetched(means, starts, threads) as bands:
        colours, alphas = zip(*bands, strict=True)
    return solve_cells(shape, list(np.concatenate(colours, axis=1)), np.concatenate(alphas, axis=1)[0], top)


def _cell_means(pixels: NDArray[Any], side_px: int) -> NDArray[np.float32]:
    """Return the means of squares of (h, w, samples) pixels, (samples, h, w); integers as shares of their range."""
    height, width, samples = pixels.shape
    rows, cols = -height % side_px, -width % side_px
    if rows or cols:
        pixels = np.pad(pixels, ((0, rows), (0, cols), (0, 0)), mode="edge")
    exact = np.float64 if pixels.dtype.kind == "f" else np.uint32 if side_px <= MOST_PX_OF_32_BITS else np.uint64
    tall = pixels.reshape(-1, side_px, pixels.shape[1] * samples).sum(axis=1, dtype=exact)
    sums = tall.reshape(len(tall), -1, side_px, samples).sum(axis=2)
    return np.asarray(np.moveaxis(sums / (side_px**2 * _white(pixels.dtype)), 2, 0), np.float32, order="C")


def _planes(pixels: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
    """Yield each sample of (h, w, samples) pixels as (h, w) float32, integers as shares of their range."""
    pixels = _finite(pixels)
    for sample in range(pixels.shape[2]):
        yield np.divide(pixels[..., sample], np.float32(_white(pixels.dtype)), dtype=np.float32)


def _write(planes: list[NDArray[np.float32]], where: NDArray[np.bool_], pixels: NDArray[Any]) -> None:
    """Write the planes to the samples of (h, w, samples) pixels, as their dtype has them, but only `where`."""
    for sample, plane in enumerate(planes):
        if pixels.dtype.kind != "f":
            plane = plane * np.float32(_white(pixels.dtype))
            np.rint(plane, out=plane)
        np.copyto(pixels[..., sample], plane, where=where, casting="unsafe")


def _share(alpha: NDArray[np.uint16]) -> NDArray[np.float32]:
    return np.divide(alpha, np.float32(WHITE), dtype=np.float32)


def _is_mixed(alpha: NDArray[np.uint16]) -> NDArray[np.bool_]:
    return (alpha > HALF_STEP) & (alpha < WHITE - HALF_STEP)


def _is_nearly_opaque(alpha: NDArray[np.uint16]) -> NDArray[np.bool_]:
    return (alpha >= WHITE - HALF_STEP) & (alpha < WHITE)


def _around(mixed: NDArray[np.bool_], block: Box) -> tuple[Box, NDArray[np.bool_]]:
    """Return the part of `block` in which there is any mixed pixel, and which of its pixels are."""
    spans = []
    for axis, span in ((1, block.rows), (0, block.cols)):
        there = np.flatnonzero(mixed.any(axis=axis))
        spans.append(Span(int(there[0]), int(there[-1]) + 1).shift(span.start))
    inner = Box(*spans)
    return inner, mixed[inner.within(block).slices]


def _finite(pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.dtype.kind == "f":
        return np.asarray(np.nan_to_num(pixels, nan=0, posinf=LARGEST_LIGHT, neginf=0))
    return pixels


def _white(dtype: np.dtype[Any]) -> int:
    return 1 if dtype.kind == "f" else int(np.iinfo(dtype).max)


def _blocks(box: Box) -> Iterator[Box]:
    """Yield the squares, of a grid on the whole picture, of which `box` is made."""
    for row in range(box.rows.start // BLOCK_PX, -(-box.rows.stop // BLOCK_PX)):
        for col in range(box.cols.start // BLOCK_PX, -(-box.cols.stop // BLOCK_PX)):
            rows = Span(row * BLOCK_PX, (row + 1) * BLOCK_PX).clip(box.rows)
            yield Box(rows, Span(col * BLOCK_PX, (col + 1) * BLOCK_PX).clip(box.cols))
