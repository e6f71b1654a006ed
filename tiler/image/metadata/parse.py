"""Parsing metadata: what the blocks of Exif and Photoshop hold."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

from tiler.image.metadata.exif import packed_block, tables_at
from tiler.image.metadata.ifd import Seekable, entries, numbers
from tiler.image.metadata.tags import (
    GEO_TAGS,
    INCH,
    INCHES_PER_UNIT,
    ORIENTATION_TAG,
    RESOLUTION_UNIT_TAG,
    SHORT,
    X_RESOLUTION_TAG,
    Y_RESOLUTION_TAG,
)

# The image resource that holds IPTC (Adobe Photoshop File Formats Specification).
IPTC_RESOURCE = 0x0404
RESOLUTION_TAGS = (RESOLUTION_UNIT_TAG, X_RESOLUTION_TAG, Y_RESOLUTION_TAG)


def upright_exif(exif: bytes | None) -> bytes | None:
    """Return an Exif block without its "Exif" header and with orientation 1; None if it is not a TIFF structure."""
    if exif is None:
        return None
    exif = exif.removeprefix(b"Exif\0\0")
    at = _orientation_at(exif)
    if exif[:4] not in (b"II*\0", b"MM\0*"):
        return None
    return exif if at is None else exif[:at] + struct.pack(_order(exif) + "H", 1) + exif[at + 2 :]


def orientation_in(exif: bytes | None) -> int:
    """Return the orientation that an Exif block states, 1 to 8; 1 if it states none."""
    exif = (exif or b"").removeprefix(b"Exif\0\0")
    at = _orientation_at(exif)
    value = struct.unpack_from(_order(exif) + "H", exif, at)[0] if at is not None else 1
    return value if value in range(1, 9) else 1


def exif_of_tiff(file: Seekable, order: str, offset: int, *, big: bool = False) -> bytes | None:
    """Return an Exif block with the descriptive tags of the IFD at `offset`, and its Exif and GPS IFDs; None if empty.

    order: "<" or ">", the byte order. big: the file is a BigTIFF. Values are copied as they are; entries whose values
    lie outside the file are left out. Where the picture lies on its side, so is its place on the Earth, which would be
    false when the picture is turned.
    """
    found = tables_at(file, order, offset, big=big)
    orientation = next((numbers(entry, order) for entry in found.main if entry[0] == ORIENTATION_TAG), (1,))
    if orientation != (1,):
        found = replace(found, main=[entry for entry in found.main if entry[0] not in GEO_TAGS])
    if not found.photo and not found.gps and not any(code != ORIENTATION_TAG for code, *_ in found.main):
        return None
    return upright_exif(packed_block(order, found))


def iptc_in(resources: bytes | None) -> bytes | None:
    """Return the IPTC records (IIM) in Photoshop's image resources; None if there are none.

    resources: with or without the header that they have in the segment APP13 of a JPEG.
    """
    return dict(image_resources((resources or b"").removeprefix(b"Photoshop 3.0\0"))).get(IPTC_RESOURCE)


def image_resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (number, bytes) of each of Photoshop's image resources, up to the first that is damaged."""
    at = 0
    while data[at : at + 4] == b"8BIM" and at + 12 <= len(data):
        number, name_bytes = struct.unpack_from(">HB", data, at + 4)
        at += 6 + (name_bytes + 2) // 2 * 2
        if at + 4 > len(data):
            return
        size = struct.unpack_from(">I", data, at)[0]
        yield number, data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2


def dpi_in(exif: bytes | None) -> tuple[float, float] | None:
    """Return the (horizontal, vertical) pixels per inch in an Exif block; None if it states none."""
    exif = (exif or b"").removeprefix(b"Exif\0\0")
    if exif[:4] not in (b"II*\0", b"MM\0*") or len(exif) < 8:
        return None
    order = _order(exif)
    return dpi_at(BytesIO(exif), order, struct.unpack_from(order + "I", exif, 4)[0])


def dpi_at(file: Seekable, order: str, offset: int, *, big: bool = False) -> tuple[float, float] | None:
    """Return the (horizontal, vertical) pixels per inch in the IFD at `offset`, whatever types they have; None if none.

    order: "<" or ">", the byte order. big: the file is a BigTIFF.
    """
    directory = entries(file, order, offset, big=big)
    found = {entry[0]: numbers(entry, order) for entry in directory if entry[0] in RESOLUTION_TAGS}
    unit, x, y = (found.get(code, ()) for code in RESOLUTION_TAGS)
    per_inch = INCHES_PER_UNIT.get(unit[0] if unit else INCH)
    if per_inch is None or not x or not y or not x[0] > 0 or not y[0] > 0:
        return None
    return x[0] / per_inch, y[0] / per_inch


def _order(exif: bytes) -> str:
    return "<" if exif[:2] == b"II" else ">"


def _orientation_at(exif: bytes) -> int | None:
    """Return the byte at which the value of the orientation lies; None if there is none."""
    if exif[:4] not in (b"II*\0", b"MM\0*"):
        return None
    order = _order(exif)
    try:
        start = struct.unpack_from(order + "I", exif, 4)[0]
        for index in range(struct.unpack_from(order + "H", exif, start)[0]):
            at = start + 2 + 12 * index
            if struct.unpack_from(order + "HHI", exif, at) == (ORIENTATION_TAG, SHORT, 1) and at + 10 <= len(exif):
                return int(at + 8)
    except struct.error:
        pass
    return None
