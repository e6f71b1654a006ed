"""A cutout whose edge is changed, window by window."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from tiler.core.edges import edged, halo_of
from tiler.core.geometry import Box, Span
from tiler.edge import Edge
from tiler.image.clean_colours import ReadBoth
from tiler.image.framed import framed
from tiler.image.source import Pixels

# Side of the squares that are worked on: those without an edge cost hardly anything.
BLOCK_PX = 512


def with_edges(
    read: ReadBoth, shape: tuple[int, int], edges: Sequence[Edge], threads: int, *, wraps: bool, spread: bool = True
) -> ReadBoth:
    """Return a function like `read` after the changes of the edge; what it returns does not depend on the box.

    shape: (height, width) of the picture. wraps: its left and right ends are neighbours; beyond its other borders the
    picture goes on as it ends, so what the frame cuts off is no edge. spread: as for `edged`.
    """
    halo = halo_of(edges)

    def read_edged(box: Box) -> tuple[Pixels, NDArray[np.uint16]]:
        pixels, alpha = framed(read, shape, box, halo, wraps=wraps)
        out = np.empty((*box.shape, pixels.shape[2]), pixels.dtype), np.empty(box.shape, np.uint16)

        def block(part: Box) -> None:
            window = (slice(one.start, one.stop + 2 * halo) for one in (part.rows, part.cols))
            at = tuple(window)
            found = edged(pixels[at], alpha[at], edges, spread=spread)
            for whole, done in zip(out, found, strict=True):
                whole[part.slices] = done

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(block, _blocks(box.shape)))
        return out

    return read_edged


def _blocks(shape: tuple[int, int]) -> Iterator[Box]:
    for row in range(0, shape[0], BLOCK_PX):
        for col in range(0, shape[1], BLOCK_PX):
            yield Box(
                Span(row, min(row + BLOCK_PX, shape[0])),
                Span(col, min(col + BLOCK_PX, shape[1])),
            )
