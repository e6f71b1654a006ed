"""What a cutout is laid over: a colour, a gradient, a picture, or the background that its picture had."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from tiler.core.geometry import Box
from tiler.errors import InputError, SettingsError
from tiler.image.layers.cutout import Cutout
from tiler.image.layers.gradient import gradient
from tiler.image.layers.own_background import FILL_PX, Beneath, OwnBackground, blurred_background
from tiler.image.layers.placed import Placing, Shown, placed
from tiler.image.layers.target import Target, in_colours_of
from tiler.image.open import format_of, open_source
from tiler.image.own_alpha import WithoutAlpha
from tiler.image.pyramid import build
from tiler.image.source import Source
from tiler.progress import Progress

COLOUR = re.compile(r"[A-Za-z]+|#[0-9A-Fa-f]{3}|#[0-9A-Fa-f]{6}")
# Wider, and of most pictures one colour would be left.
MOST_BLUR_PX = 10_000


class Background(Protocol):
    """A background at the size, the depth and in the profile of a cutout."""

    def read(self, box: Box) -> NDArray[Any]:
        """Return the (h, w, 3) pixels of `box`."""


@dataclass(frozen=True, slots=True)
class Gradient:
    """From one sRGB colour to another. degrees: 0 runs upwards, 90 to the right, 180 downwards."""

    first: tuple[int, ...]
    last: tuple[int, ...]
    degrees: float


@dataclass(frozen=True, slots=True)
class Own:
    """The background that the picture had, under a Gaussian of `sigma` pixels; 0: as it is."""

    sigma: float


# A colour, sRGB; a gradient; the picture's own; or the file of another picture.
Wanted = tuple[int, ...] | Gradient | Own | Path


def wanted_background(what: str, original: Path | None = None) -> Wanted:
    """Return what `what` names: a colour, gradient:FROM,TO[,DEGREES], blur:RADIUS, original, or the file of a picture.

    original: the picture of which the cutout was made. Raises SettingsError or InputError if it is none of them.
    """
    kind, colon, rest = what.partition(":")
    if colon and kind == "gradient":
        return _gradient(what, rest.split(","))
    if what == "original" or (colon and kind == "blur"):
        sigma = _number(rest) if colon else 0.0
        if sigma is None or (colon and not 0 < sigma <= MOST_BLUR_PX):
            raise SettingsError(
                f"--background is {what!r}.", f"Give a radius in pixels, up to {MOST_BLUR_PX}: blur:40."
            )
        if original is None:
            raise SettingsError(
                f"--background {what} is made of the picture, and a cutout does not hold it.",
                "Name the picture: --original photo.tif.",
            )
        return Own(sigma)
    colour = _colour(what)
    if colour is not None:
        return colour
    if not Path(what).exists():
        raise InputError(
            f"{what}: this is neither the name of a colour nor a picture.",
            "Give a colour, such as white or '#30a050', gradient:FROM,TO, blur:RADIUS, or the file of a picture.",
        )
    format_of(Path(what))
    return Path(what)


@contextmanager
def background(
    wanted: Wanted,
    cutout: Cutout,
    placing: Placing,
    original: Path | None,
    scratch: Path,
    max_pixels: int,
    progress: Progress,
) -> Iterator[Background]:
    """Give the background that is wanted.

    original: the picture, if its own background is wanted. scratch: a directory for the samples of pictures that can be
    read but once. Raises InputError if a picture cannot be read or converted into the cutout's profile.
    """
    target = cutout.target
    if isinstance(wanted, tuple):
        yield OneColour(in_colours_of(target, np.array([[wanted]], np.uint8), None, Path("colour"))[0, 0])
        return
    if isinstance(wanted, Gradient):
        yield gradient(wanted.first, wanted.last, wanted.degrees, target)
        return
    with ExitStack() as stack:
        if isinstance(wanted, Path):
            yield placed(stack.enter_context(_shown(wanted, target, scratch, max_pixels, progress)), placing)
            return
        assert original is not None  # `wanted_background` has asked for it
        shown = stack.enter_context(_shown(original, target, scratch, max_pixels, progress))
        _check_shape(original, shown.source.shape, target.shape)
        beneath = Beneath(target.shape, shown.pixels, cutout.read, cutout.light if wanted.sigma else cutout.mixing)
        soft = stack.enter_context(blurred_background(beneath, wanted.sigma or FILL_PX, scratch, progress))
        yield soft if wanted.sigma else OwnBackground(beneath, soft)


@contextmanager
def _shown(path: Path, target: Target, scratch: Path, max_pixels: int, progress: Progress) -> Iterator[Shown]:
    """Give a picture in the colours of the target, which can be read in any order."""
    with ExitStack() as stack:
        source: Source = stack.enter_context(closing(open_source(path, max_pixels=max_pixels)))
        for note in source.metadata.notes:
            progress.note(f"{path}: {note}")
        if source.has_alpha:
            progress.note(f"{path}: Its alpha is left out.")
            source = WithoutAlpha(source)
        folder = stack.enter_context(TemporaryDirectory(dir=scratch, prefix=".background-"))
        shown = Shown(source, build(source, [source.shape], Path(folder), progress), target, path)
        shown.pixels(Box.whole((1, 1)))  # what cannot be converted is said before the work
        yield shown


@dataclass(frozen=True, slots=True)
class OneColour:
    """The same colour everywhere. samples: (3,), as the cutout's."""

    samples: NDArray[Any]

    def read(self, box: Box) -> NDArray[Any]:
        """Return a read-only view."""
        return np.broadcast_to(self.samples, (*box.shape, 3))


def _check_shape(path: Path, own: tuple[int, int], shape: tuple[int, int]) -> None:
    if own != shape:
        raise InputError(
            f"{path}: this picture has {own[1]} x {own[0]} px, and the cutout {shape[1]} x {shape[0]} px.",
            "Name the picture of which the cutout was made with --original.",
        )


def _gradient(what: str, parts: list[str]) -> Gradient:
    colours = [_colour(part.strip()) for part in parts[:2]]
    degrees = _number(parts[2]) if len(parts) == 3 else 180.0
    if len(parts) not in (2, 3) or None in colours or degrees is None:
        raise SettingsError(
            f"--background is {what!r}.",
            "Give two colours, and degrees if it is not to run downwards: 'gradient:#fff,#888' or "
            "'gradient:navy,skyblue,90'.",
        )
    first, last = (colour or () for colour in colours)
    return Gradient(first, last, degrees)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _colour(what: str) -> tuple[int, ...] | None:
    """Return the sRGB of a name or of #rgb or #rrggbb; None if it is neither."""
    if not COLOUR.fullmatch(what):
        return None
    try:
        return ImageColor.getrgb(what)[:3]
    except ValueError:
        return None
