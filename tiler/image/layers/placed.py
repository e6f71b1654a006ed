"""A picture as the background of a cutout: scaled to its frame or repeated, in its colours."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box, Span
from tiler.image.colour import to_srgb
from tiler.image.layers.target import Target, in_colours_of
from tiler.image.pyramid import Pyramid
from tiler.image.resizing import reach_of, resized
from tiler.image.source import Source

Fit = Literal["cover", "contain", "tile"]

# Pixels of a picture that are resized at once.
MOST_AT_ONCE = 2**22


@dataclass(frozen=True, slots=True)
class Placing:
    """How a picture lies behind a cutout.

    fit: cover: scaled until it covers the frame, and cut evenly. contain: scaled until it lies in it, black around.
    tile: at its own size, repeated. offset: (right, down) in pixels of the cutout, from where `fit` puts it; one that
    covers moves as far as it still does.
    """

    fit: Fit = "cover"
    offset: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture in the colours of the target."""

    source: Source
    picture: Pyramid
    target: Target
    path: Path

    def pixels(self, box: Box) -> NDArray[Any]:
        """Return the (h, w, 3) pixels of `box`, in pixels of the picture."""
        icc = self.source.metadata.icc
        pixels: NDArray[Any] = self.picture.native(box)
        if self.source.colour == "cmyk":
            pixels, icc = to_srgb(pixels, "cmyk", icc), None
        elif self.source.colour == "grey":
            pixels, icc = np.repeat(pixels, 3, axis=2), None
        return in_colours_of(self.target, pixels, icc, self.path)


def placed(shown: Shown, placing: Placing) -> "Repeated | Scaled":
    """Return the picture at the size of its target."""
    if placing.fit == "tile":
        return Repeated(shown, placing.offset)
    return Scaled(shown, *_part(shown.source.shape, shown.target.shape, placing))


@dataclass(frozen=True, slots=True)
class Repeated:
    """A picture at its own size, again and again. offset: (right, down) of one of its upper left corners."""

    shown: Shown
    offset: tuple[int, int]

    def read(self, box: Box) -> NDArray[Any]:
        height, width = self.shown.source.shape
        out = np.empty((*box.shape, 3), self.shown.target.dtype)
        cols = (np.arange(box.cols.start, box.cols.stop) - self.offset[0]) % width
        done = 0
        while done < box.rows.size:
            top = (box.rows.start + done - self.offset[1]) % height
            rows = Span(top, min(height, top + box.rows.size - done))
            out[done : done + rows.size] = self.shown.pixels(Box(rows, Span(0, width)))[:, cols]
            done += rows.size
        return out


@dataclass(frozen=True, slots=True)
class Scaled:
    """A picture scaled into a part of the target.

    inner: the part, in pixels of the target, which may reach beyond it; the rest is black. top, left: of what is shown
    of the picture, and scale: how many of its pixels make one of the target, in both directions.
    """

    shown: Shown
    inner: Box
    top: float
    left: float
    scale: tuple[float, float]

    def read(self, box: Box) -> NDArray[Any]:
        out = np.zeros((*box.shape, 3), self.shown.target.dtype)
        rows, cols = box.rows.clip(self.inner.rows), box.cols.clip(self.inner.cols)
        if not (rows.size and cols.size):
            return out
        per_row = self.shown.source.shape[1] * max(self.scale[0], 1)
        step = max(1, int(MOST_AT_ONCE / per_row))
        for start in range(rows.start, rows.stop, step):
            part = Box(Span(start, min(start + step, rows.stop)), cols)
            out[part.within(box).slices] = self._scaled(part.within(self.inner))
        return out

    def _scaled(self, box: Box) -> NDArray[Any]:
        """Return a part of the inner box, whose first pixel is (0, 0)."""
        whole = Box.whole(self.shown.source.shape)
        spans, at = [], []
        for span, first, scale, axis in (
            (box.rows, self.top, self.scale[0], whole.rows),
            (box.cols, self.left, self.scale[1], whole.cols),
        ):
            start, stop = first + span.start * scale, first + span.stop * scale
            needed = Span(int(start), int(np.ceil(stop))).grow(reach_of(scale)).clip(axis)
            spans.append(needed)
            at.append((max(start - needed.start, 0.0), min(stop - needed.start, float(needed.size))))
        pixels = self.shown.pixels(Box(*spans))
        (top, bottom), (left, right) = at
        return resized(pixels, box.shape, (left, top, right, bottom))


def _part(
    own: tuple[int, int], shape: tuple[int, int], placing: Placing
) -> tuple[Box, float, float, tuple[float, float]]:
    """Return what `Scaled` needs to know of a picture of shape `own` for a target of `shape`."""
    ratios = [own[0] / shape[0], own[1] / shape[1]]
    down_right = placing.offset[::-1]
    if placing.fit == "cover":
        scale = min(ratios)
        spare = [size - scale * there for size, there in zip(own, shape, strict=True)]
        top, left = (min(max(one / 2 - scale * by, 0.0), one) for one, by in zip(spare, down_right, strict=True))
        return Box.whole(shape), top, left, (scale, scale)
    scale = max(ratios)
    height, width = (max(1, min(there, round(size / scale))) for size, there in zip(own, shape, strict=True))
    rows, cols = (
        Span(0, size).shift((there - size) // 2 + by)
        for size, there, by in zip((height, width), shape, down_right, strict=True)
    )
    return Box(rows, cols), 0.0, 0.0, (own[0] / height, own[1] / width)
