"""Pictures of formats that are decoded as a whole, into memory."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box
from tiler.errors import InputError
from tiler.image.read.orientation import upright
from tiler.image.source import SAMPLES, Colour, Metadata, Pixels, Source

T = TypeVar("T")

# What decoders have been seen to raise on damaged files.
DECODE_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    RuntimeError,
    TypeError,
    ArithmeticError,
    SyntaxError,
    EOFError,
    struct.error,
)


@dataclass(frozen=True)
class InMemorySource:
    """A `Source` whose pixels, (h, w, samples) and upright, are in memory.

    orientation: how the picture lies in its file (Exif 2.32, tag 274).
    """

    pixels: NDArray[Any]
    colour: Colour
    metadata: Metadata
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


def in_memory(
    pixels: NDArray[Any], metadata: Metadata, orientation: int = 1, colour: Colour | None = None, *, undone: int = 1
) -> Source:
    """Return decoded pixels as an upright source.

    pixels: (h, w) or (h, w, samples); samples beyond those of the colour, such as alpha, are dropped.
    orientation: how `pixels` lie. colour: None takes RGB if there are three samples or more, else grey.
    undone: how the picture lies in its file, if the decoder has turned the pixels already.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    colour = colour or ("rgb" if pixels.shape[2] >= 3 else "grey")
    return InMemorySource(
        upright(pixels[..., : SAMPLES[colour]], orientation), colour, metadata, max(orientation, undone)
    )


def decoded(path: Path, kind: str, decode: Callable[[], T]) -> T:
    """Return what `decode` returns; raise what a library raises for a damaged file as InputError.

    kind: what the file is, in words, for the error.
    """
    try:
        return decode()
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path}: there is not enough memory for this {kind}.", "Save it as a tiled TIFF.") from error
    except DECODE_ERRORS as error:
        raise InputError(
            f"{path}: the {kind} is damaged or cut short ({' '.join(str(error).split())}).",
            "Copy it again from where it came from.",
        ) from error


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
