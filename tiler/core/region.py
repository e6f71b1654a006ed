"""Regions of the picture in which a run works. Pure."""

from collections.abc import Sequence

from tiler.core.geometry import Axis, Box, Span
from tiler.core.plan import Level


def regions_of(texts: Sequence[str]) -> tuple[Box, ...]:
    """Return the boxes of rectangles written as "left,top,width,height", in pixels."""
    numbers = (tuple(map(int, text.split(","))) for text in texts)
    return tuple(Box(Span(top, top + height), Span(left, left + width)) for left, top, width, height in numbers)


def tiles_in(level: Level, regions: Sequence[Box], full: tuple[int, int]) -> frozenset[tuple[int, int]]:
    """Return the tiles (row, column) of `level` whose support meets any of `regions`; all tiles if there are none.

    regions: in pixels of the full picture, whose shape is `full`.
    """
    if not regions:
        return frozenset(level.tiles)
    return frozenset(
        (i, j)
        for region in regions
        for i in _meeting(level.rows, region.rows, full[0])
        for j in _meeting(level.cols, region.cols, full[1])
    )


def _meeting(axis: Axis, region: Span, full: int) -> list[int]:
    """Return the tiles of one axis whose support meets `region`, which is in pixels of an axis of `full`."""
    inside = Span(region.start * axis.size // full, -(-region.stop * axis.size // full))
    return [
        index
        for index in range(axis.count)
        if any(piece.clip(inside).size > 0 for piece in axis.pieces(axis.support(index)))
    ]
