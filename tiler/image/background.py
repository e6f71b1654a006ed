"""What a cutout is laid over: one colour, or a picture at the cutout's size and in its colours."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from tiler.core.geometry import Box, Span
from tiler.errors import InputError
from tiler.image.colour import to_srgb
from tiler.image.depth import to_depth
from tiler.image.icc import converted
from tiler.image.open import format_of, open_source
from tiler.image.own_alpha import WithoutAlpha
from tiler.image.pyramid import Pyramid, build
from tiler.image.resizing import reach_of, resized
from tiler.image.source import Source
from tiler.progress import Progress

Fit = Literal["cover", "contain", "tile"]

# Pixels of a picture that are resized at once.
MOST_AT_ONCE = 2**22
COLOUR = re.compile(r"[A-Za-z]+|#[0-9A-Fa-f]{3}|#[0-9A-Fa-f]{6}")


@dataclass(frozen=True, slots=True)
class Target:
    """What a background is made for. shape: (height, width). dtype, icc: of the samples of the cutout."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    icc: bytes | None


class Background(Protocol):
    """A background at the size, the depth and in the profile of a cutout."""

    def read(self, box: Box) -> NDArray[Any]:
        """Return the (h, w, 3) pixels of `box`."""


@contextmanager
def background(
    what: str, target: Target, fit: Fit, scratch: Path, max_pixels: int, progress: Progress
) -> Iterator[Background]:
    """Give the background that `what` names: a colour, as its name in CSS or #rrggbb, or the file of a picture.

    fit: how a picture fills the target. cover: scaled until it covers it, and cut evenly. contain: scaled until it lies
    in it, black around. tile: at its own size, repeated from the upper left corner. scratch: a directory for the
    samples of pictures that can be read but once.

    Raises InputError if `what` is neither, or the picture cannot be read or converted into the cutout's profile.
    """
    colour = _colour(what)
    if colour is not None:
        yield OneColour(_in_colours_of(target, np.array([[colour]], np.uint8), None, Path(what))[0, 0])
        return
    check_background(what)
    path = Path(what)
    with ExitStack() as stack:
        source: Source = stack.enter_context(closing(open_source(path, max_pixels=max_pixels)))
        for note in source.metadata.notes:
            progress.note(f"{path}: {note}")
        if source.has_alpha:
            progress.note(f"{path}: Its alpha is left out.")
            source = WithoutAlpha(source)
        folder = stack.enter_context(TemporaryDirectory(dir=scratch, prefix=".background-"))
        picture = build(source, [source.shape], Path(folder), progress)
        shown = _Shown(source, picture, target, path)
        shown.pixels(Box.whole((1, 1)))  # what cannot be converted is said before the work
        yield Repeated(shown) if fit == "tile" else Scaled(shown, *_placed(source.shape, target.shape, fit))


def check_background(what: str) -> None:
    """Raise InputError if `what` is neither a colour nor a file that begins like a picture."""
    if _colour(what) is not None:
        return
    if not Path(what).exists():
        raise InputError(
            f"{what}: this is neither the name of a colour nor a picture.",
            "Give a colour, such as white or '#30a050', or the file of a picture.",
        )
    format_of(Path(what))


@dataclass(frozen=True, slots=True)
class OneColour:
    """The same colour everywhere. samples: (3,), as the cutout's."""

    samples: NDArray[Any]

    def read(self, box: Box) -> NDArray[Any]:
        """Return a read-only view."""
        return np.broadcast_to(self.samples, (*box.shape, 3))


@dataclass(frozen=True, slots=True)
class _Shown:
    """A picture in the colours of the target."""

    source: Source
    picture: Pyramid
    target: Target
    path: Path

    def pixels(self, box: Box) -> NDArray[Any]:
        icc = self.source.metadata.icc
        pixels: NDArray[Any] = self.picture.native(box)
        if self.source.colour == "cmyk":
            pixels, icc = to_srgb(pixels, "cmyk", icc), None
        elif self.source.colour == "grey":
            pixels, icc = np.repeat(pixels, 3, axis=2), None
        return _in_colours_of(self.target, pixels, icc, self.path)


@dataclass(frozen=True, slots=True)
class Repeated:
    """A picture at its own size, again and again."""

    shown: _Shown

    def read(self, box: Box) -> NDArray[Any]:
        height, width = self.shown.source.shape
        out = np.empty((*box.shape, 3), self.shown.target.dtype)
        cols = np.arange(box.cols.start, box.cols.stop) % width
        done = 0
        while done < box.rows.size:
            top = (box.rows.start + done) % height
            rows = Span(top, min(height, top + box.rows.size - done))
            out[done : done + rows.size] = self.shown.pixels(Box(rows, Span(0, width)))[:, cols]
            done += rows.size
        return out


@dataclass(frozen=True, slots=True)
class Scaled:
    """A picture scaled into a part of the target.

    inner: the part, in pixels of the target; the rest is black. top, left: of what is shown of the picture, and scale:
    how many of its pixels make one of the target, in both directions.
    """

    shown: _Shown
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
            out[part.within(box).slices] = self._part(part.within(self.inner))
        return out

    def _part(self, box: Box) -> NDArray[Any]:
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


def _placed(own: tuple[int, int], shape: tuple[int, int], fit: Fit) -> tuple[Box, float, float, tuple[float, float]]:
    """Return what `Scaled` needs to know of a picture of shape `own` for a target of `shape`."""
    ratios = [own[0] / shape[0], own[1] / shape[1]]
    if fit == "cover":
        scale = min(ratios)
        top, left = ((size - scale * there) / 2 for size, there in zip(own, shape, strict=True))
        return Box.whole(shape), top, left, (scale, scale)
    scale = max(ratios)
    height, width = (max(1, min(there, round(size / scale))) for size, there in zip(own, shape, strict=True))
    rows, cols = (Span(0, size).shift((there - size) // 2) for size, there in zip((height, width), shape, strict=True))
    return Box(rows, cols), 0.0, 0.0, (own[0] / height, own[1] / width)


def _colour(what: str) -> tuple[int, ...] | None:
    """Return the sRGB of a name or of #rgb or #rrggbb; None if it is neither."""
    if not COLOUR.fullmatch(what):
        return None
    try:
        return ImageColor.getrgb(what)[:3]
    except ValueError:
        return None


def _in_colours_of(target: Target, pixels: NDArray[Any], icc: bytes | None, path: Path) -> NDArray[Any]:
    """Return (h, w, 3) pixels of the profile `icc` as the cutout has them; floats are linear light of sRGB."""
    if pixels.dtype.kind == "f" and target.dtype.kind == "f":
        return pixels
    if pixels.dtype.kind == "f":
        pixels, icc = to_depth(pixels, np.dtype(np.uint16)), None
    wanted = None if target.dtype.kind == "f" else target.icc
    if icc != wanted:
        pixels = converted(pixels, icc, wanted, path)
    return to_depth(pixels, target.dtype)
