"""JPEG XL in: in boxes, or a bare codestream."""

from pathlib import Path

import imagecodecs
import numpy as np

from tiler.image.limits import check_decodable, check_pixels
from tiler.image.metadata.ifd import MOST_ENTRY_BYTES
from tiler.image.metadata.parse import dpi_in, orientation_in, upright_exif
from tiler.image.read.in_memory import decoded, in_memory
from tiler.image.read.iso_boxes import boxes, first_of_each
from tiler.image.source import Metadata, Source

# How a codestream begins.
BARE = b"\xff\x0a"
# Width over height for each code of the size header (ISO 18181-1, B.2).
RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


def open_file(path: Path, max_pixels: int) -> Source:
    """Open the JPEG XL file `path`; raise InputError if it is damaged."""
    return decoded(path, "JPEG XL file", lambda: _read(path, max_pixels))


def _read(path: Path, max_pixels: int) -> Source:
    data = path.read_bytes()
    found = {} if data.startswith(BARE) else first_of_each(data)
    stream = found.get(b"jxlc") or found.get(b"jxlp", b"")[4:] or data
    height, width = _size(stream)
    check_pixels(path, (height, width), max_pixels)
    check_decodable(path, height * width * 4 * 8, "a JPEG XL picture")
    pixels = imagecodecs.jpegxl_decode(data)
    if pixels.dtype not in (np.uint8, np.uint16):
        pixels = pixels.astype(np.float32)
    compressed = [] if data.startswith(BARE) else [content for kind, content in boxes(data) if kind == b"brob"]
    for content in compressed:
        if content[:4] in (b"Exif", b"xml "):
            found.setdefault(content[:4], _decompressed(content[4:]))
    exif = found.get(b"Exif", b"")
    exif = exif[4 + int.from_bytes(exif[:4], "big") :]
    # libjxl has turned the picture upright. The decoder does not return the colour profile, so none is known.
    metadata = Metadata(None, dpi_in(exif), upright_exif(exif or None), found.get(b"xml ") or None)
    return in_memory(pixels, metadata, undone=orientation_in(exif))


def _decompressed(data: bytes) -> bytes:
    """Return the content of a box compressed with Brotli (ISO 18181-2, 9.3); empty if it is damaged or too large."""
    try:
        # With an output of this length, a box that decompresses to more is an error.
        return bytes(imagecodecs.brotli_decode(data, out=MOST_ENTRY_BYTES))
    except RuntimeError:
        return b""


def _size(stream: bytes) -> tuple[int, int]:
    """Return (height, width) from the size header, a bit field whose lowest bit comes first (ISO 18181-1, B.2)."""
    if not stream.startswith(BARE) or len(stream) < 12:
        raise ValueError("it has no size")
    bits, at = int.from_bytes(stream[2:12], "little"), 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return (bits >> (at - count)) & ((1 << count) - 1)

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    ratio = take(3)
    width = side() if not ratio else height * RATIOS[ratio][0] // RATIOS[ratio][1]
    return height, width
