"""JPEG XL in: in boxes, or a bare codestream."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from tiler.errors import InputError
from tiler.image.depth import full_range
from tiler.image.metadata.ifd import MOST_ENTRY_BYTES
from tiler.image.metadata.parse import dpi_in, upright_exif
from tiler.image.read.in_memory import FURTHER, check_size, decoded, in_memory
from tiler.image.read.iso_boxes import boxes, first_of_each
from tiler.image.read.jxl_header import BARE, Header, header_of
from tiler.image.read.jxl_profile import profile_of
from tiler.image.read.orientation import exchanges_sides
from tiler.image.source import SAMPLES, Colour, Metadata, Source


def open_file(path: Path, max_pixels: int) -> Source:
    """Open the JPEG XL file `path`; raise InputError if it is damaged."""
    return decoded(path, "JPEG XL file", lambda: _read(path, max_pixels))


def _read(path: Path, max_pixels: int) -> Source:
    data = path.read_bytes()
    found = {} if data.startswith(BARE) else first_of_each(data)
    header = header_of(found.get(b"jxlc") or found.get(b"jxlp", b"")[4:] or data)
    check_size(path, header.shape, max_pixels, 4 * 8, "a JPEG XL picture")
    if header.has_black:
        raise InputError(f"{path}: this JPEG XL is CMYK, which is not read.", "Save it as a TIFF.")
    # Asked for a frame, the decoder does not make the others.
    pixels = imagecodecs.jpegxl_decode(data, index=0 if header.animated else None)
    notes = ["The first picture of an animation is read."] if header.animated else []
    is_float = pixels.dtype.kind == "f"
    icc, curious = _profile(data, header, is_float)
    notes += curious
    exif, xmp = _blocks(data, found)
    # libjxl has turned the picture upright.
    shape = header.shape[::-1] if exchanges_sides(header.orientation) else header.shape
    colour: Colour = "grey" if header.grey else "rgb"
    notes += [FURTHER] if header.has_more else []
    if is_float:
        pixels = _linear(pixels, SAMPLES[colour]) if header.curve != "linear" else pixels.astype(np.float32)
    else:
        pixels = full_range(pixels, header.bits)
    metadata = Metadata(icc, dpi_in(exif), upright_exif(exif or None), xmp, None, tuple(notes))
    return in_memory(pixels, shape, metadata, colour=colour, undone=header.orientation, alpha=header.alpha)


def _profile(data: bytes, header: Header, is_float: bool) -> tuple[bytes | None, list[str]]:
    """Return the profile that is true of the samples as they are kept, and notes on what is not kept."""
    if header.usual and header.curve in (("srgb", "linear") if is_float else ("srgb",)):
        return None, []
    notes = []
    if header.curve == "other" or (header.curve == "linear" and not is_float):
        notes.append("Its light is not on the curve of sRGB; it is seen as that of sRGB.")
    # Floats that are made linear are no longer what their profile says.
    icc = None if is_float and header.curve != "linear" else profile_of(data)
    if icc is None:
        notes.append("Its colour profile is not kept; its colours are seen as those of sRGB.")
    return icc, notes


def _linear(pixels: NDArray[Any], samples: int) -> NDArray[np.float32]:
    """Return floats with the curve of sRGB undone in the first `samples`; beyond 0..1 the curve goes on."""
    floats: NDArray[np.float32] = pixels.astype(np.float32)
    if floats.ndim == 2:
        floats = floats[..., None]
    for row in floats:
        light = np.abs(row[:, :samples])
        light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
        row[:, :samples] = np.copysign(light, row[:, :samples])
    return floats


def _blocks(data: bytes, found: dict[bytes, bytes]) -> tuple[bytes, bytes | None]:
    """Return Exif, empty if there is none, and XMP, from the boxes of the file."""
    compressed = [] if data.startswith(BARE) else [content for kind, content in boxes(data) if kind == b"brob"]
    for content in compressed:
        if content[:4] in (b"Exif", b"xml "):
            found.setdefault(content[:4], _decompressed(content[4:]))
    exif = found.get(b"Exif", b"")
    return exif[4 + int.from_bytes(exif[:4], "big") :], found.get(b"xml ") or None


def _decompressed(data: bytes) -> bytes:
    """Return the content of a box compressed with Brotli (ISO 18181-2, 9.3); empty if it is damaged or too large."""
    try:
        # With an output of this length, a box that decompresses to more is an error.
        return bytes(imagecodecs.brotli_decode(data, out=MOST_ENTRY_BYTES))
    except RuntimeError:
        return b""
