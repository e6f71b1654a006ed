"""Half-open pixel algebra on one axis, and its product on two.

A picture is tiled one axis at a time. Blocks of equal size partition the axis; each block has one tile, which reads
`tile_px` pixels around it; where two blocks meet their tiles cross-fade over `feather_px`. The two-dimensional plan
is the product of two axes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

# An axis is a value, and every block asks the same few questions of its neighbourhood again.
_remembered = lru_cache(maxsize=2**12)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The pixels start, start + 1, ..., stop - 1 of one axis; the two ends are integers in pixels of one level."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start

    @property
    def slice(self) -> slice:
        return slice(self.start, self.stop)

    def shift(self, by: int) -> "Span":
        return Span(self.start + by, self.stop + by)

    def grow(self, by: int) -> "Span":
        return Span(self.start - by, self.stop + by)

    def clip(self, to: "Span") -> "Span":
        """Return the part inside `to`; of size 0 where they do not meet."""
        start = min(max(self.start, to.start), to.stop)
        return Span(start, max(start, min(self.stop, to.stop)))


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A rectangle of pixels: rows x cols, half-open, in pixels of one level."""

    rows: Span
    cols: Span

    @staticmethod
    def whole(shape: tuple[int, int]) -> "Box":
        return Box(Span(0, shape[0]), Span(0, shape[1]))

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.size, self.cols.size

    @property
    def slices(self) -> tuple[slice, slice]:
        return self.rows.slice, self.cols.slice

    def within(self, outer: "Box") -> "Box":
        """Return this box in coordinates of which `outer`'s first pixel is (0, 0)."""
        return Box(self.rows.shift(-outer.rows.start), self.cols.shift(-outer.cols.start))


@dataclass(frozen=True)
class Axis:
    """One side of a picture, cut into blocks and covered by tiles.

    size: pixels of the side. block_px: pixels of every block but the last, which may be shorter.
    tile_px: pixels that every tile reads. feather_px: width of the cross-fade at a cut between blocks.
    wraps: the last pixel is the neighbour of the first, as in a full panorama. Coordinates are then *unrolled*:
    a tile may read below 0 or beyond `size`, and `pieces` says which pixels that means.
    shift_px: how far towards 0 all cuts are moved, less than a block. The first block is shorter by it, or reaches
    around the join.

    Law: at every pixel the ramps of all tiles sum to 1 (partition of unity).
    """

    size: int
    block_px: int
    tile_px: int
    feather_px: int
    wraps: bool = False
    shift_px: int = 0

    @staticmethod
    def tiled(size: int, tile_px: int, overlap_px: int, *, wraps: bool = False) -> "Axis":
        """Return the axis of `size` pixels under tiles of `tile_px` that overlap by `overlap_px` at least.

        The blocks are as equal as a regular grid allows. Half of the overlap is cross-faded; a quarter on either
        side of that is halo: pixels that the network sees, whose answer is not used. A side that fits one tile is
        one tile of just that size.
        """
        if size <= tile_px and not wraps:
            return Axis.single(size)
        stride_px = tile_px - overlap_px
        count = 2 if size <= stride_px + tile_px and not wraps else -(-size // stride_px)
        return Axis(size, -(-size // count), tile_px, overlap_px // 2, wraps)

    @staticmethod
    def single(size: int) -> "Axis":
        """Return the axis that one tile of exactly `size` pixels covers."""
        return Axis(size, size, size, 0)

    def shifted(self) -> "Axis":
        """Return the axis with its cuts moved by half a block; one of a single tile, which has no cuts, as it is."""
        return replace(self, shift_px=self.block_px // 2) if self.wraps or self.count > 1 else self

    @cached_property
    def count(self) -> int:
        """How many blocks there are, and so how many tiles."""
        return -(-(self.size + (0 if self.wraps else self.shift_px)) // self.block_px)

    def block(self, index: int) -> Span:
        """Return the pixels that block `index` writes; any integer where the axis wraps."""
        if self.wraps:
            turn, index = divmod(index, self.count)
            start = index * self.block_px
            return Span(start, min(start + self.block_px, self.size)).shift(turn * self.size - self.shift_px)
        start = index * self.block_px
        return Span(start, start + self.block_px).shift(-self.shift_px).clip(Span(0, self.size))

    @_remembered
    def support(self, index: int) -> Span:
        """Return the pixels where tile `index` has weight: its block and half a feather on either side."""
        grown = self._grown(index)
        return grown if self.wraps else grown.clip(Span(0, self.size))

    def read(self, index: int) -> Span:
        """Return the `tile_px` pixels that tile `index` reads: around its support, shifted to lie in the picture."""
        grown = self._grown(index)
        start = (grown.start + grown.stop - self.tile_px) // 2
        if not self.wraps:
            start = max(0, min(start, self.size - self.tile_px))
        return Span(start, start + self.tile_px)

    @_remembered
    def touching(self, index: int) -> tuple[tuple[int, int], ...]:
        """Return (tile, shift) for each tile whose support meets block `index`, in a fixed order.

        `shift` is a multiple of `size`, not zero only where the axis wraps: add it to the tile's own spans to get
        them in the block's coordinates.
        """
        block = self.block(index)
        first, last = index, index
        while self._reaches(first - 1, block):
            first -= 1
        while self._reaches(last + 1, block):
            last += 1
        found = []
        for unrolled in range(first, last + 1):
            turn, tile = divmod(unrolled, self.count) if self.wraps else (0, unrolled)
            found.append((tile, turn * self.size))
        return tuple(found)

    @_remembered
    def ramp(self, index: int) -> NDArray[np.float32]:
        """Return the feather weights of tile `index` over its support, (support size,) float32 in 0..1, read-only.

        The rise at a cut is the smoothstep 3t^2 - 2t^3, sampled at pixel centres, so that rise and fall of two
        neighbours sum to 1 with no step in value or slope.
        """
        support = self.support(index)
        block = self.block(index)
        rises = self.wraps or index > 0
        falls = self.wraps or index < self.count - 1
        x = np.arange(support.start, support.stop)
        up = self._rise(x, block.start) if rises else 1.0
        down = self._rise(x, block.stop) if falls else 0.0
        ramp = np.asarray(up - down + np.zeros(support.size), dtype=np.float32)
        ramp.flags.writeable = False
        return ramp

    def pieces(self, span: Span) -> Iterator[Span]:
        """Yield the runs of real pixels, in order, that an unrolled span stands for."""
        at = span.start
        while at < span.stop:
            turn = at // self.size * self.size
            stop = min(span.stop, turn + self.size)
            yield Span(at - turn, stop - turn)
            at = stop

    def _grown(self, index: int) -> Span:
        """Return block `index` and half a feather on either side, as if the axis had no ends."""
        block, before = self.block(index), self.feather_px // 2
        return Span(block.start - before, block.stop + self.feather_px - before)

    def _reaches(self, index: int, block: Span) -> bool:
        if not self.wraps and not 0 <= index < self.count:
            return False
        return self.support(index).clip(block).size > 0

    def _rise(self, x: NDArray[np.int64], cut: int) -> NDArray[np.float64]:
        if self.feather_px == 0:
            return (x >= cut).astype(np.float64)
        t = np.clip((x - (cut - self.feather_px // 2) + 0.5) / self.feather_px, 0.0, 1.0)
        return np.asarray(t * t * (3.0 - 2.0 * t))
