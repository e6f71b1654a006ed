"""Building the metadata of the output: upright, of the size of the output, without thumbnails of the source."""

import struct
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO

from tiler.image.metadata.ifd import Entry, entries, in_little_endian, packed
from tiler.image.metadata.tags import (
    ASCII,
    DESCRIPTIVE_TAGS,
    EXIF_HEIGHT_TAG,
    EXIF_IFD_TAG,
    EXIF_WIDTH_TAG,
    GPS_IFD_TAG,
    INCH,
    INTEROPERABILITY_IFD_TAG,
    LONG,
    ORIENTATION_TAG,
    RATIONAL,
    RESOLUTION_UNIT_TAG,
    SHORT,
    SOFTWARE_TAG,
    X_RESOLUTION_TAG,
    Y_RESOLUTION_TAG,
)
from tiler.image.source import Metadata


@dataclass(frozen=True, slots=True)
class Exif:
    """The entries of an Exif block, little-endian: `main` of IFD0, `photo` of the Exif IFD, `gps` of the GPS IFD."""

    main: list[Entry]
    photo: list[Entry]
    gps: list[Entry]


def exif_tables(exif: bytes | None, shape: tuple[int, int]) -> Exif:
    """Return the entries of an Exif block for an upright output of `shape` (height, width).

    Thumbnails are left out, because they show the picture before it was matted. So are entries that only point into
    the old file. A block that names no software gets the name of this one. Without a block, only the software and the
    orientation are returned.
    """
    main: list[Entry] = []
    inner: dict[int, list[Entry]] = {EXIF_IFD_TAG: [], GPS_IFD_TAG: []}
    if exif and len(exif) >= 8:
        order, file = "<" if exif[:2] == b"II" else ">", BytesIO(exif)
        for entry in entries(file, order, struct.unpack_from(order + "I", exif, 4)[0]):
            code, _, _, data = entry
            if code in inner and len(data) == 4:
                found = entries(file, order, struct.unpack(order + "I", data)[0])
                inner[code] = [in_little_endian(e, order) for e in found if e[0] != INTEROPERABILITY_IFD_TAG]
            elif code in DESCRIPTIVE_TAGS - {ORIENTATION_TAG}:
                main.append(in_little_endian(entry, order))
    main.append((ORIENTATION_TAG, SHORT, 1, struct.pack("<H", 1)))
    if not any(code == SOFTWARE_TAG for code, *_ in main):
        main.append((SOFTWARE_TAG, ASCII, 6, b"tiler\0"))
    sizes = {EXIF_WIDTH_TAG: shape[1], EXIF_HEIGHT_TAG: shape[0]}
    photo = [
        (entry[0], LONG, 1, struct.pack("<I", sizes[entry[0]])) if entry[0] in sizes else entry
        for entry in inner[EXIF_IFD_TAG]
    ]
    return Exif(_once(main), _once(photo), _once(inner[GPS_IFD_TAG]))


def exif_block(metadata: Metadata, shape: tuple[int, int]) -> bytes:
    """Return `exif_tables` and the resolution as a block: a little-endian TIFF structure without an "Exif" header."""
    tables = exif_tables(metadata.exif, shape)
    main = tables.main + _resolution(metadata.dpi)
    inner = {EXIF_IFD_TAG: tables.photo, GPS_IFD_TAG: tables.gps}
    inner = {code: table for code, table in inner.items() if table}
    # The length of the main table is the same whatever its pointers are.
    at = 8 + len(packed("<", [*main, *((code, LONG, 1, bytes(4)) for code in inner)], 8))
    pointers, blocks = [], b""
    for code, table in inner.items():
        pointers.append((code, LONG, 1, struct.pack("<I", at + len(blocks))))
        blocks += packed("<", table, at + len(blocks))
    return b"II*\0" + struct.pack("<I", 8) + packed("<", [*main, *pointers], 8) + blocks


def _resolution(dpi: tuple[float, float] | None) -> list[Entry]:
    if dpi is None:
        return []
    x, y = (struct.pack("<II", *Fraction(value).limit_denominator(1000).as_integer_ratio()) for value in dpi)
    unit = (RESOLUTION_UNIT_TAG, SHORT, 1, struct.pack("<H", INCH))
    return [(X_RESOLUTION_TAG, RATIONAL, 1, x), (Y_RESOLUTION_TAG, RATIONAL, 1, y), unit]


def _once(table: list[Entry]) -> list[Entry]:
    """Return the table with the first entry of each tag alone, because a directory may hold a tag once."""
    return list({entry[0]: entry for entry in reversed(table)}.values())
