"""What travels with the pixels, made ready for the output: upright, of its size, without stale thumbnails."""

import struct
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO

from tiler.image.metadata.ifd import Entry, entries, in_little_endian, packed
from tiler.image.metadata.parse import (
    DESCRIPTIVE,
    EXIF_IFD_TAG,
    GPS_IFD_TAG,
    INCH,
    ORIENTATION_TAG,
    UNIT_TAG,
    X_RESOLUTION_TAG,
    Y_RESOLUTION_TAG,
)
from tiler.image.source import Metadata

SOFTWARE_TAG, WIDTH_TAG, HEIGHT_TAG, INTEROPERABILITY_IFD_TAG = 305, 40962, 40963, 40965
ASCII, SHORT, LONG, RATIONAL = 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Exif:
    """The tags of an Exif block, low bytes first: `main` describes the picture, `photo` and `gps` are inner tables."""

    main: list[Entry]
    photo: list[Entry]
    gps: list[Entry]


def exif_tables(exif: bytes | None, shape: tuple[int, int]) -> Exif:
    """Return what an Exif block says, made true of an output of `shape` (height, width), which is upright.

    Thumbnails are left out: they show the picture before. So is what only points into the old file. A block that
    names no software gets this one's name; no block at all gives that and the orientation.
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
            elif code in DESCRIPTIVE - {ORIENTATION_TAG}:
                main.append(in_little_endian(entry, order))
    main.append((ORIENTATION_TAG, SHORT, 1, struct.pack("<H", 1)))
    if not any(code == SOFTWARE_TAG for code, *_ in main):
        main.append((SOFTWARE_TAG, ASCII, 6, b"tiler\0"))
    sizes = {WIDTH_TAG: shape[1], HEIGHT_TAG: shape[0]}
    photo = [
        (entry[0], LONG, 1, struct.pack("<I", sizes[entry[0]])) if entry[0] in sizes else entry
        for entry in inner[EXIF_IFD_TAG]
    ]
    return Exif(_once(main), _once(photo), _once(inner[GPS_IFD_TAG]))


def exif_block(metadata: Metadata, shape: tuple[int, int]) -> bytes:
    """Return `exif_tables` and the resolution as a block: a little-endian TIFF structure without a header before it."""
    tables = exif_tables(metadata.exif, shape)
    main = tables.main + _resolution(metadata.dpi)
    inner = {EXIF_IFD_TAG: tables.photo, GPS_IFD_TAG: tables.gps}
    inner = {code: table for code, table in inner.items() if table}
    # The length of the main table does not depend on where its pointers point.
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
    unit = (UNIT_TAG, SHORT, 1, struct.pack("<H", INCH))
    return [(X_RESOLUTION_TAG, RATIONAL, 1, x), (Y_RESOLUTION_TAG, RATIONAL, 1, y), unit]


def _once(table: list[Entry]) -> list[Entry]:
    """Return the table with the first entry of each tag alone, as a directory must be."""
    return list({entry[0]: entry for entry in reversed(table)}.values())
