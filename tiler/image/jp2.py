"""JPEG 2000, in its boxes or bare."""

import struct
from pathlib import Path

import imagecodecs

from tiler.errors import InputError
from tiler.image.bounds import check_whole
from tiler.image.source import Metadata, Source
from tiler.image.whole import decoded, full_range, whole

SIZ, EOC = b"\xff\x4f\xff\x51", b"\xff\xd9"


def open_file(path: Path) -> Source:
    """Open the JPEG 2000 file `path`; raises InputError if it is damaged, or of a kind that is not read."""
    source: Source = decoded(path, "JPEG 2000 file", lambda: _read(path))
    return source


def _read(path: Path) -> Source:
    data = path.read_bytes()
    at = data.find(SIZ)
    if at < 0:
        raise ValueError("it has no size")
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    bits = (data[at + 42] & 0x7F) + 1
    if data[at + 42] & 0x80 or bits > 16:
        raise InputError(f"{path}: its samples are signed or of {bits} bits.", "Save it with 8 or 16 bits.")
    check_whole(path, (right - left) * (bottom - top) * 4 * 8, "a JPEG 2000 picture")
    # A codestream that lacks its end mark decodes to something nonetheless.
    if not data.rstrip(b"\0").endswith(EOC):
        raise ValueError("its end is missing")
    pixels = full_range(imagecodecs.jpeg2k_decode(data), bits)
    colr = data.find(b"colr", 0, at)
    icc = None
    if colr >= 4 and data[colr + 4] == 2:
        icc = data[colr + 7 : colr - 4 + int.from_bytes(data[colr - 4 : colr], "big")]
    return whole(pixels, Metadata(icc))
