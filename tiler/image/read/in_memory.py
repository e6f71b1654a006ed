"""Pictures of formats that are decoded whole, and any picture turned upright."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box, Span
from tiler.errors import InputError
from tiler.image.source import SAMPLES, Colour, Metadata, Pixels, Source

# What decoders have been seen to raise on files that make no sense.
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

# Orientations whose first stored row, or column, is seen last (Exif 2.32, tag 274); from 5 on they are exchanged, too.
BOTTOM_FIRST, RIGHT_FIRST = (3, 4, 6, 7), (2, 3, 7, 8)


@dataclass(frozen=True)
class InMemorySource:
    """A picture in memory, upright, (h, w, samples); a `Source` that is read in any order.

    orientation: how it lay in the file (Exif 2.32, tag 274).
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


@dataclass(frozen=True)
class TurnedSource:
    """A source of random access, turned upright from `orientation` (Exif 2.32, tag 274)."""

    source: Source
    orientation: int
    metadata: Metadata
    random_access: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.source.shape
        return (width, height) if self.orientation >= 5 else (height, width)

    @property
    def colour(self) -> Colour:
        return self.source.colour

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    def read(self, box: Box) -> Pixels:
        height, width = self.source.shape
        rows, cols = (box.cols, box.rows) if self.orientation >= 5 else (box.rows, box.cols)
        if self.orientation in BOTTOM_FIRST:
            rows = Span(height - rows.stop, height - rows.start)
        if self.orientation in RIGHT_FIRST:
            cols = Span(width - cols.stop, width - cols.start)
        return upright(self.source.read(Box(rows, cols)), self.orientation)

    def close(self) -> None:
        self.source.close()


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return (h, w, samples) pixels, stored in `orientation`, as they are to be seen."""
    if orientation in BOTTOM_FIRST:
        pixels = pixels[::-1]
    if orientation in RIGHT_FIRST:
        pixels = pixels[:, ::-1]
    return pixels.swapaxes(0, 1) if orientation >= 5 else pixels


def in_memory(
    pixels: NDArray[Any], metadata: Metadata, orientation: int = 1, colour: Colour | None = None, *, undone: int = 1
) -> Source:
    """Return decoded (h, w) or (h, w, samples) pixels as an upright source; samples beyond the colours are dropped.

    orientation: how `pixels` lie. undone: how they lay in the file, where the decoder has turned them already.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    colour = colour or ("rgb" if pixels.shape[2] >= 3 else "grey")
    return InMemorySource(
        upright(pixels[..., : SAMPLES[colour]], orientation), colour, metadata, max(orientation, undone)
    )


def full_range(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return unsigned samples of `bits` spread over all of 8 or 16 bits; those of more than 16 lose the lowest."""
    if bits in (8, 16):
        return pixels.astype(np.uint8 if bits == 8 else np.uint16, copy=False)
    if bits > 16:
        return (pixels >> (bits - 16)).astype(np.uint16)
    full, top = (255, np.uint8) if bits < 8 else (65535, np.uint16)
    most = 2**bits - 1
    spread: NDArray[Any] = ((pixels.astype(np.uint32) * full + most // 2) // most).astype(top)
    return spread


def decoded(path: Path, kind: str, decode: Callable[[], Any]) -> Any:
    """Return what `decode` gives; what a library raises at damage is raised as InputError."""
    try:
        return decode()
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path}: there is not enough memory for this {kind}.", "Save it as a tiled TIFF.") from error
    except (
        OSError,
        ValueError,
        LookupError,
        RuntimeError,
        TypeError,
        ArithmeticError,
        SyntaxError,
        struct.error,
    ) as error:
        raise InputError(
            f"{path}: the {kind} is damaged or cut short ({' '.join(str(error).split())}).",
            "Copy it again from where it came from.",
        ) from error


def library(path: Path, name: str, extra: str, kind: str) -> ModuleType:
    """Return the module `name`; InputError, with the command that installs it, if it is missing."""
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"{path}: this is a {kind}, and what reads it is not installed.",
            f"Install it with: pip install 'tiler-matting[{extra}]'",
        ) from error
