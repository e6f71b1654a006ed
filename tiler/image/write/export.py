"""The finished file: the source's own colours with the alpha, or the alpha alone."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.atomic import atomic_directory, atomic_file
from tiler.core.geometry import Box, Span
from tiler.errors import OutputError
from tiler.image.colour import to_srgb
from tiler.image.depth import alpha_to_depth, premultiplied, to_depth
from tiler.image.prefetch import prefetched
from tiler.image.source import Colour, Metadata, Pixels, Source
from tiler.image.write import exr, png, tiff, webp, zarr
from tiler.image.write.output import BAND_ROWS, AlphaKind, OutputImage
from tiler.progress import Progress
from tiler.settings import Settings


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A kind of output and what it holds.

    write: given a file open for writing and reading, or for `folder` the path of a directory to be made, and a image.
    colours, dtypes: what it can hold; the last dtype stands in for what it cannot. alphas: the first is its own way.
    most_px: longest side, in pixels.
    """

    name: str
    write: Callable[[Any, OutputImage], None]
    colours: tuple[Colour, ...]
    dtypes: tuple[str, ...]
    alphas: tuple[AlphaKind, ...] = ("straight",)
    most_px: int = 2**31 - 1
    folder: bool = False


TIFF = OutputFormat(
    "TIFF",
    tiff.write,
    ("rgb", "grey", "cmyk"),
    ("uint8", "uint16", "float32"),
    alphas=("straight", "premultiplied"),
)
OUTPUT_FORMATS = {
    ".tif": TIFF,
    ".tiff": TIFF,
    ".png": OutputFormat("PNG", png.write, ("rgb", "grey"), ("uint8", "uint16")),
    ".webp": OutputFormat("WebP", webp.write, ("rgb",), ("uint8",), most_px=16383),
    ".exr": OutputFormat("OpenEXR", exr.write, ("rgb", "grey"), ("float16",), alphas=("premultiplied",)),
    ".zarr": OutputFormat(
        "Zarr",
        zarr.write,
        ("rgb", "grey", "cmyk"),
        ("uint8", "uint16", "float32"),
        alphas=("straight", "premultiplied"),
        folder=True,
    ),
}
JPEG_SUFFIXES = (".jpg", ".jpeg", ".jfif")
# What the header of a profile says it is for (ICC.1, 7.2.6).
PROFILE_SPACES: dict[Colour, bytes] = {"rgb": b"RGB ", "grey": b"GRAY", "cmyk": b"CMYK"}
SPACE = slice(16, 20)


def check_output(path: Path, settings: Settings, source: Path) -> None:
    """Raise OutputError now if `path` cannot be written later: before any work is done.

    source: the picture to be read, which is never overwritten.
    """
    kind = _kind(path, settings)
    _check_asked(path, kind, settings)
    if path.is_dir() and not (kind.folder and (path / "zarr.json").exists()):
        raise OutputError(f"{path}: this is a directory.", "Name a file in it, such as cutout.tif.")
    if kind.folder and path.is_file():
        raise OutputError(f"{path}: this is a file, and {kind.name} is written as a directory.", "Name another place.")
    directory = path.absolute().parent
    if not directory.is_dir():
        raise OutputError(f"{path}: there is no directory {directory}.", "Make it, or name another place.")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: you may not write in {directory}.", "Name another place, or change its mode.")
    if path.exists() and source.exists() and path.samefile(source):
        raise OutputError(f"{path}: this is the picture itself.", "Name another file for the output.")


def check_holds(path: Path, shape: tuple[int, int]) -> None:
    """Raise OutputError if the kind of file that `path` names is too small for a picture of `shape`."""
    kind = OUTPUT_FORMATS[path.suffix.lower()]
    if max(shape) > kind.most_px:
        raise OutputError(
            f"{path}: {kind.name} ends at {kind.most_px} px a side; the picture is {shape[1]} x {shape[0]} px.",
            "Write a .tif instead.",
        )


def export(
    path: Path,
    source: Source,
    read: Callable[[Box], Pixels],
    read_alpha: Callable[[Box], NDArray[np.uint16]],
    settings: Settings,
    progress: Progress,
) -> None:
    """Write `path`, the picture with its alpha or with `settings.alpha_only` grey; complete or not at all.

    source: what the picture is. read: box to its (h, w, samples) pixels, as the source has them. read_alpha: box to
    (h, w), uint16, 65535 = foreground. Where the file can hold them, at the same depth, the colours are the source's
    own, bit for bit; else they become RGB as the network saw it. What travels along goes where it is true and fits.

    Raises OutputError if the disk refuses.
    """
    kind = OUTPUT_FORMATS[path.suffix.lower()]
    height, width = source.shape
    starts = range(0, height, BAND_ROWS)
    image = _output_image(kind, source, settings, progress)

    def band(start: int) -> NDArray[Any]:
        box = Box(Span(start, min(start + BAND_ROWS, height)), Span(0, width))
        alpha = read_alpha(box)[..., None]
        progress.advance()
        if image.alpha is None:
            return np.repeat(alpha_to_depth(alpha, image.dtype), image.samples, axis=2)
        return _with_alpha(image, source, read(box), alpha)

    progress.stage("write", len(starts))
    with prefetched(band, starts) as bands:
        image = replace(image, bands=bands)
        if kind.folder:
            with atomic_directory(path) as folder:
                kind.write(folder, image)
        else:
            with atomic_file(path) as file:
                kind.write(file, image)


def _kind(path: Path, settings: Settings) -> OutputFormat:
    suffix = path.suffix.lower()
    if suffix in OUTPUT_FORMATS:
        return OUTPUT_FORMATS[suffix]
    remedy = f"Let the name end in {', '.join(OUTPUT_FORMATS)}."
    if suffix in JPEG_SUFFIXES:
        why = "would blur the alpha" if settings.alpha_only else "cannot hold alpha"
        raise OutputError(f"{path}: a JPEG {why}.", remedy)
    raise OutputError(f"{path}: {suffix or 'a name without an ending'} is no kind of file written here.", remedy)


def _check_asked(path: Path, kind: OutputFormat, settings: Settings) -> None:
    if settings.premultiplied and "premultiplied" not in kind.alphas:
        raise OutputError(f"{path}: {kind.name} has no premultiplied alpha.", "Write a .tif, or do without.")
    if settings.bits and f"uint{settings.bits}" not in kind.dtypes:
        raise OutputError(f"{path}: {kind.name} has no {settings.bits} bits a channel.", "Leave --bits out.")


def _output_image(kind: OutputFormat, source: Source, settings: Settings, progress: Progress) -> OutputImage:
    """Return what is to be written, its bands still missing; what is lost on the way is said."""
    wanted = f"uint{settings.bits}" if settings.bits else source.dtype.name
    dtype = np.dtype(wanted if wanted in kind.dtypes else kind.dtypes[-1])
    colour: Colour = source.colour if source.colour in kind.colours else "rgb"
    if settings.alpha_only:
        colour = "grey" if "grey" in kind.colours else "rgb"
        return OutputImage(source.shape, colour, None, dtype, replace(source.metadata, icc=None), iter(()), settings)
    alpha: AlphaKind = "premultiplied" if settings.premultiplied else kind.alphas[0]
    if source.colour == "cmyk" and colour != "cmyk":
        progress.note(f"{kind.name} holds no CMYK; the colours are converted to sRGB. A .tif keeps them as they are.")
    metadata = _fitting(source.metadata, source.colour, colour, dtype, progress)
    return OutputImage(source.shape, colour, alpha, dtype, metadata, iter(()), settings)


def _fitting(metadata: Metadata, own: Colour, colour: Colour, dtype: np.dtype[Any], progress: Progress) -> Metadata:
    """Return the metadata that is true of the output: a profile for other colours or another curve says nothing."""
    icc = metadata.icc
    if icc is None or (icc[SPACE] == PROFILE_SPACES[colour] and dtype != np.float16):
        return metadata
    if own == colour:
        progress.note("The picture's colour profile does not fit the output; it is left out.")
    return replace(metadata, icc=None)


def _with_alpha(image: OutputImage, source: Source, pixels: NDArray[Any], alpha: NDArray[np.uint16]) -> NDArray[Any]:
    if image.colour != source.colour:
        pixels = to_srgb(pixels, source.colour, source.metadata.icc)
    pixels = to_depth(pixels, image.dtype)
    if image.alpha == "premultiplied":
        pixels = premultiplied(pixels, alpha)
    return np.concatenate([pixels, alpha_to_depth(alpha, image.dtype)], axis=2)
