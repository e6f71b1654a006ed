"""The finished file: the source's own colours with the alpha, or the alpha alone."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tiler.errors import OutputError
from tiler.geometry import Box, Span
from tiler.image import export_png, export_tiff
from tiler.image.ahead import ahead
from tiler.image.aside import written_aside
from tiler.image.sheet import BAND_ROWS, Sheet
from tiler.image.source import Metadata, Pixels
from tiler.progress import Progress
from tiler.settings import Settings

WRITERS: dict[str, Callable[[BinaryIO, Sheet], None]] = {
    ".tif": export_tiff.write,
    ".tiff": export_tiff.write,
    ".png": export_png.write,
}
JPEG_SUFFIXES = (".jpg", ".jpeg", ".jfif")
RGB_PROFILE = b"RGB "


def check_output(path: Path, settings: Settings, source: Path) -> None:
    """Raise OutputError now if `path` cannot be written later: before any work is done.

    source: the picture to be read, which is never overwritten.
    """
    _check_kind(path, settings)
    if path.is_dir():
        raise OutputError(f"{path}: this is a directory.", "Name a file in it, such as cutout.tif.")
    directory = path.absolute().parent
    if not directory.is_dir():
        raise OutputError(f"{path}: there is no directory {directory}.", "Make it, or name another place.")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: you may not write in {directory}.", "Name another place, or change its mode.")
    if path.exists() and source.exists() and path.samefile(source):
        raise OutputError(f"{path}: this is the picture itself.", "Name another file for the output.")


def export(
    path: Path,
    shape: tuple[int, int],
    read_rgb: Callable[[Box], Pixels],
    read_alpha: Callable[[Box], NDArray[np.uint16]],
    source_dtype: np.dtype[Any],
    metadata: Metadata,
    settings: Settings,
    progress: Progress,
) -> None:
    """Write `path`, straight RGBA or with `settings.alpha_only` grey, in bands of rows; complete or not at all.

    shape: (height, width) in pixels. read_rgb: box to (h, w, 3) pixels of `source_dtype`. read_alpha: box to (h, w),
    uint16, 65535 = foreground. The depth is `settings.bits`, else that of `source_dtype`; at the same depth the
    colours are the source's own, bit for bit. metadata: goes along where it fits.

    Raises OutputError if the disk refuses.
    """
    height, width = shape
    dtype = np.dtype(f"u{settings.bits // 8}") if settings.bits else source_dtype
    starts = range(0, height, BAND_ROWS)

    def band(start: int) -> Pixels:
        box = Box(Span(start, min(start + BAND_ROWS, height)), Span(0, width))
        alpha = to_depth(read_alpha(box), dtype)[..., None]
        progress.advance()
        return alpha if settings.alpha_only else np.concatenate([to_depth(read_rgb(box), dtype), alpha], axis=2)

    progress.stage("write", len(starts))
    samples = 1 if settings.alpha_only else 4
    kept = _fitting(metadata, settings, progress)
    with written_aside(path) as file:
        _writer(path)(file, Sheet(shape, samples, dtype, kept, ahead(band, starts), settings.threads))


def to_depth(pixels: Pixels, dtype: np.dtype[Any]) -> Pixels:
    """Return uint8 or uint16 pixels as `dtype`: 8 to 16 bit times 257, 16 to 8 bit to the nearest; both exact."""
    if pixels.dtype == dtype:
        return pixels
    if dtype == np.uint16:
        return pixels.astype(np.uint16) * np.uint16(257)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _check_kind(path: Path, settings: Settings) -> None:
    suffix = path.suffix.lower()
    if suffix in WRITERS:
        return
    remedy = f"Let the name end in {', '.join(WRITERS)}."
    if suffix in JPEG_SUFFIXES:
        why = "would blur the alpha" if settings.alpha_only else "cannot hold alpha"
        raise OutputError(f"{path}: a JPEG {why}.", remedy)
    raise OutputError(f"{path}: {suffix or 'a name without an ending'} is no kind of file written here.", remedy)


def _writer(path: Path) -> Callable[[BinaryIO, Sheet], None]:
    return WRITERS[path.suffix.lower()]


def _fitting(metadata: Metadata, settings: Settings, progress: Progress) -> Metadata:
    """Return the metadata that is true of the output: an RGB profile says nothing of grey, nor a grey one of RGB."""
    if settings.alpha_only:
        return replace(metadata, icc=None)
    if metadata.icc and metadata.icc[16:20] != RGB_PROFILE:
        progress.note("The picture's colour profile is not for RGB and does not fit the output; it is left out.")
        return replace(metadata, icc=None)
    return metadata
