"""What of a picture's metadata is true of the output, and fits its format; what is not is said."""

import struct
from dataclasses import replace
from io import BytesIO
from math import isfinite
from typing import Any

import numpy as np

from tiler.image.colour import profile_colour
from tiler.image.metadata.build import has_place_on_earth, stuck_maker_note
from tiler.image.metadata.xmp import in_utf8, upright_xmp
from tiler.image.source import Metadata, Source
from tiler.image.write.formats import OutputFormat
from tiler.image.write.output import OutputImage

# Pixels per inch that the fields of all formats hold: from 1 per metre in a PNG to a fraction over 1000 in a TIFF.
LEAST_DPI, MOST_DPI = 0.0254, 4e6
# What writers have been seen to raise on metadata that no format foresees.
WRITE_ERRORS = (struct.error, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, OSError)
NAMES = {
    "icc": "colour profile",
    "dpi": "resolution",
    "exif": "Exif",
    "xmp": "XMP",
    "iptc": "IPTC",
    "texts": "comments",
    "png_colour": "PNG's own colour",
}
# The value of gAMA that says the curve of sRGB, or nearly so (W3C PNG, third edition, 11.3.2.5).
SRGB_GAMMA, NEARLY = 45455, 1000


def fitted(image: OutputImage, source: Source, output_format: OutputFormat) -> tuple[OutputImage, tuple[str, ...]]:
    """Return the image with metadata that is true of it and that its writer writes, and what a person should know.

    image: with the metadata of the source. Every writer is given the metadata once here, with a picture of one pixel,
    so that none fails at the end of the work.
    """
    metadata, notes = _true(image, source)
    metadata, lost = _held(metadata, output_format)
    image, refused = _writable(replace(image, metadata=metadata), output_format)
    return image, (*notes, *lost, *refused)


def _true(image: OutputImage, source: Source) -> tuple[Metadata, list[str]]:
    """Return the metadata of the source without what is not true of the output, and notes on that."""
    metadata, notes = source.metadata, []
    same_curve = (source.dtype.kind == "f") == (image.dtype.kind == "f") and image.dtype != np.float16
    same_colours = image.alpha is not None and source.colour == image.colour and same_curve
    if metadata.icc and not (same_colours and profile_colour(metadata.icc) == image.colour):
        metadata = replace(metadata, icc=None)
        if image.alpha is not None and source.colour == image.colour:
            notes.append("The picture's colour profile does not fit the output; it is left out.")
    if metadata.png_colour and not same_colours:
        metadata = replace(metadata, png_colour=())
    if metadata.dpi and not all(isfinite(dpi) and LEAST_DPI <= dpi <= MOST_DPI for dpi in metadata.dpi):
        x, y = metadata.dpi
        notes.append(f"The picture's resolution, {x:.6g} x {y:.6g} dpi, is no sensible one; it is left out.")
        metadata = replace(metadata, dpi=None)
    if metadata.xmp:
        xmp = in_utf8(metadata.xmp)
        if xmp is None:
            notes.append("The picture's XMP is not in Unicode; it is left out.")
        metadata = replace(metadata, xmp=upright_xmp(xmp, image.shape) if xmp else None)
    return metadata, notes


def _held(metadata: Metadata, output_format: OutputFormat) -> tuple[Metadata, list[str]]:
    """Return the metadata without what the format has no place for, and notes on that."""
    notes, lost = [], []
    for name in NAMES:
        if getattr(metadata, name) and name not in output_format.holds:
            if name != "png_colour" or says_more_than_srgb(metadata.png_colour):
                lost.append(NAMES[name])
            metadata = _without(metadata, name)
    if has_place_on_earth(metadata.exif) and not output_format.holds_place_on_earth:
        lost.append("place on the Earth (GeoTIFF)")
    if lost:
        notes.append(f"{output_format.name} has no place for the picture's {', '.join(lost)}; left out.")
    if maker := stuck_maker_note(metadata.exif):
        notes.append(f"The maker note of {maker} in the Exif cannot be moved to another file; it is left out.")
    return metadata, notes


def says_more_than_srgb(chunks: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Return whether the colour chunks of a PNG say that its samples mean other colours than those of sRGB."""
    kinds = dict(chunks)
    gamma = int.from_bytes(kinds.get(b"gAMA", SRGB_GAMMA.to_bytes(4, "big")), "big")
    return b"cICP" in kinds or (b"sRGB" not in kinds and abs(gamma - SRGB_GAMMA) > NEARLY)


def _writable(image: OutputImage, output_format: OutputFormat) -> tuple[OutputImage, list[str]]:
    """Return the image without the metadata that its writer fails on, and notes on that."""
    if _is_written(image, output_format):
        return image, []
    kept, notes = Metadata(), []
    for name in NAMES:
        value = getattr(image.metadata, name)
        if not value:
            continue
        more = _with(kept, name, value)
        if _is_written(replace(image, metadata=more), output_format):
            kept = more
        else:
            notes.append(f"{output_format.name} cannot hold the picture's {NAMES[name]} as they are; left out.")
    return replace(image, metadata=kept), notes


def _is_written(image: OutputImage, output_format: OutputFormat) -> bool:
    """Return whether the writer writes the metadata of the image with one black pixel."""
    pixel = np.zeros((1, 1, image.samples), image.dtype)
    small = replace(image, shape=(1, 1), bands=iter([pixel]), threads=1)
    try:
        # A dictionary is a Zarr store in memory.
        output_format.write({} if output_format.folder else BytesIO(), small)
    except WRITE_ERRORS:
        return False
    return True


def _with(metadata: Metadata, name: str, value: Any) -> Metadata:
    fields: dict[str, Any] = {name: value}
    return replace(metadata, **fields)


def _without(metadata: Metadata, name: str) -> Metadata:
    return _with(metadata, name, getattr(Metadata(), name))
