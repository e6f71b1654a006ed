"""The plan of a run: which levels there are, and how each is tiled. Pure arithmetic; no pixel is read."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tiler.core.geometry import Axis, Box

# A frame longer than this many times its short side holds more than one group of people; seen whole at the working
# size, each would be small. Two to one is the longest frame that portrait networks are shown.
LONG = 2


@dataclass(frozen=True)
class Level:
    """One zoom level: level 0 is the picture itself, the last is the base, which has no guide.

    rows, cols: how its two axes are tiled. guide_scale: (vertical, horizontal) size of one pixel of the next smaller
    level, in pixels of this one; None at the base, which has no guide.
    """

    index: int
    rows: Axis
    cols: Axis
    guide_scale: tuple[float, float] | None

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.size, self.cols.size

    @property
    def tiles(self) -> Iterator[tuple[int, int]]:
        """Yield (row, column) of every tile, and so of every block, from top left to bottom right."""
        return ((i, j) for i in range(self.rows.count) for j in range(self.cols.count))

    @property
    def count(self) -> int:
        return self.rows.count * self.cols.count

    def block(self, i: int, j: int) -> Box:
        return Box(self.rows.block(i), self.cols.block(j))

    def support(self, i: int, j: int) -> Box:
        return Box(self.rows.support(i), self.cols.support(j))

    def read(self, i: int, j: int) -> Box:
        return Box(self.rows.read(i), self.cols.read(j))


@dataclass(frozen=True)
class Plan:
    """All levels of a run, from the full picture (index 0) to the base (the last)."""

    levels: tuple[Level, ...]

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        return tuple(level.shape for level in self.levels)


def make_plan(shape: tuple[int, int], *, guide_px: int, tile_px: int, overlap_px: int, wraps: bool = False) -> Plan:
    """Return the plan for a picture of `shape` (height, width) pixels.

    The picture is halved (odd ends round up) until one more step, by a factor of about two, makes its short side
    `guide_px` exactly; that last one is the base. A picture whose short side is `guide_px` or less is its own
    base. The network sees the base whole, or in tiles of `LONG` times `guide_px` where it is longer than that.
    `wraps` joins the left and right ends of every level.
    """
    shapes = [shape]
    steps = _steps(min(shape) / guide_px)
    for _ in range(steps - 1):
        height, width = shapes[-1]
        shapes.append((-(-height // 2), -(-width // 2)))
    if steps:
        height, width = shapes[-1]
        scale = guide_px / min(height, width)
        shapes.append((round(height * scale), round(width * scale)))

    levels = []
    for index, (height, width) in enumerate(shapes[:-1]):
        halved = index < steps - 1
        guide_scale = (2.0, 2.0) if halved else (height / shapes[-1][0], width / shapes[-1][1])
        rows = Axis.tiled(height, tile_px, overlap_px)
        cols = Axis.tiled(width, tile_px, overlap_px, wraps=wraps)
        levels.append(Level(index, rows, cols, guide_scale))
    height, width = shapes[-1]
    base_tile_px = LONG * guide_px
    rows = Axis.tiled(height, base_tile_px, base_tile_px // 4)
    cols = Axis.tiled(width, base_tile_px, base_tile_px // 4, wraps=wraps)
    return Plan((*levels, Level(steps, rows, cols, None)))


def _steps(ratio: float) -> int:
    """Return how many steps of about two lead down by `ratio`; the last is one of 1.2 to 2.4 where it can be."""
    return 0 if ratio <= 1 else max(1, math.ceil(math.log2(ratio) - 0.25))
