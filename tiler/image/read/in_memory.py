"""Pictures of formats that are decoded as a whole, into memory."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box
from tiler.errors import InputError
from tiler.image.limits import check_decodable, check_pixels
from tiler.image.own_alpha import straight
from tiler.image.read.orientation import upright
from tiler.image.source import BAND_ROWS, SAMPLES, Colour, Metadata, Pixels, Source

T = TypeVar("T")
# What the sample after those of the colour is: no alpha, one beside the colours, or one that they are multiplied by.
Alpha = Literal["straight", "associated"] | None

FURTHER = "It has further channels, whose meaning is not known; they are left out."


def _no_limits(_pixels: int, _memory: int) -> None: ...


# Told the pixels that a header states, and the bytes that decoding takes, before anything is decoded.
on_size: ContextVar[Callable[[int, int], None]] = ContextVar("on_size", default=_no_limits)


@dataclass(frozen=True)
class InMemorySource:
    """A `Source` whose pixels, (h, w, samples) and upright, are in memory.

    has_alpha: the last sample is an alpha of the picture's own. orientation: how the picture lies in its file (Exif
    2.32, tag 274).
    """

    pixels: NDArray[Any]
    colour: Colour
    metadata: Metadata
    has_alpha: bool = False
    orientation: int = 1
    random_access: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.pixels.dtype

    def read(self, box: Box) -> Pixels:
        return self.pixels[box.slices]

    def close(self) -> None: ...


def check_size(path: Path, shape: tuple[int, int], max_pixels: int, pixel_bytes: int, kind: str) -> None:
    """Raise InputError if a header states more pixels than may be read, or more than memory holds when decoded.

    shape: (height, width). pixel_bytes: what decoding takes for each pixel. kind: what the file is, in words.
    """
    check_pixels(path, shape, max_pixels)
    memory = shape[0] * shape[1] * pixel_bytes
    check_decodable(path, memory, kind)
    on_size.get()(shape[0] * shape[1], memory)


def in_memory(
    pixels: NDArray[Any],
    shape: tuple[int, int],
    metadata: Metadata,
    orientation: int = 1,
    colour: Colour | None = None,
    *,
    undone: int = 1,
    alpha: Alpha = None,
) -> Source:
    """Return decoded pixels as an upright source.

    pixels: (h, w) or (h, w, samples); samples beyond those of colour and alpha are dropped.
    shape: (height, width) that the header states. orientation: how `pixels` lie. colour: None takes RGB if there are
    three samples or more, else grey. undone: how the picture lies in its file, if the decoder has turned the pixels
    already. alpha: what the sample after those of the colour is; None: no alpha.

    Raises ValueError if the decoder has made a picture of another size.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[:2] != shape:
        raise ValueError(f"its header states {shape[1]} x {shape[0]} px, and its pixels have the shape {pixels.shape}")
    colour = colour or ("rgb" if pixels.shape[2] >= 3 else "grey")
    has_alpha = alpha is not None and pixels.shape[2] > SAMPLES[colour]
    pixels = pixels[..., : SAMPLES[colour] + has_alpha]
    if has_alpha and alpha == "associated":
        pixels = np.concatenate([straight(pixels[top : top + BAND_ROWS]) for top in range(0, shape[0], BAND_ROWS)])
    return InMemorySource(upright(pixels, orientation), colour, metadata, has_alpha, max(orientation, undone))


def further(samples: int, colour: Colour, alpha: Alpha) -> tuple[str, ...]:
    """Return a note if a pixel of a file has more `samples` than those of its colour and its alpha."""
    return (FURTHER,) if samples > SAMPLES[colour] + (alpha is not None) else ()


def decoded(path: Path, kind: str, decode: Callable[[], T]) -> T:
    """Return what `decode` returns; raise what a library raises for a damaged file as InputError.

    kind: what the file is, in words, for the error.
    """
    try:
        return decode()
    except InputError:
        raise
    except Exception as error:  # bytes of strangers make decoders raise anything
        raise damaged(path, kind, error) from error


def damaged(path: Path, kind: str, error: Exception) -> InputError:
    """Return the error for a file whose decoder has raised `error`."""
    if isinstance(error, MemoryError):
        return InputError(f"{path}: there is not enough memory for this {kind}.", "Save it as a tiled TIFF.")
    if isinstance(error, UnicodeEncodeError):
        return InputError(f"{path}: what reads this {kind} takes no such name.", "Rename it.")
    detail = " ".join(str(error).split()) or type(error).__name__
    return InputError(
        f"{path}: the {kind} is damaged or cut short ({detail}).", "Copy it again from where it came from."
    )


def library(path: Path, name: str, extra: str, kind: str) -> ModuleType:
    """Return the module `name`; raise InputError, with the command that installs it, if it is missing.

    extra: the optional dependency of this package that brings it. kind: what the file `path` is, in words.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"{path}: this is a {kind}, and what reads it is not installed.",
            f"Install it with: pip install 'tiler-matting[{extra}]'",
        ) from error
