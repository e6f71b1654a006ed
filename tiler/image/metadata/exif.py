"""Exif: the tables of a TIFF structure that describe a picture, read from one file and packed for another."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tiler.image.metadata.ifd import Entry, Moved, Seekable, entries, in_little_endian, packed
from tiler.image.metadata.maker_note import moved_note
from tiler.image.metadata.tags import (
    DESCRIPTIVE_TAGS,
    EXIF_IFD_TAG,
    GEO_TAGS,
    GPS_IFD_TAG,
    INTEROPERABILITY_IFD_TAG,
    INTEROPERABILITY_TAGS,
    LONG,
    MAKER_NOTE_TAG,
)


@dataclass(frozen=True, slots=True)
class Exif:
    """The entries of an Exif block, in one byte order.

    main: of IFD0, those that describe the picture. photo: of the Exif IFD, without pointers. gps: of the GPS IFD.
    interoperability: of the table that photo points to. note_at: the byte at which the maker note lay, from which its
    own pointers may be counted.
    """

    main: list[Entry] = field(default_factory=list)
    photo: list[Entry] = field(default_factory=list)
    gps: list[Entry] = field(default_factory=list)
    interoperability: list[Entry] = field(default_factory=list)
    note_at: int = 0

    def in_little_endian(self, order: str) -> "Exif":
        """Return the tables, whose values have the byte order `order`, with all values in little-endian order."""
        main, photo, gps, interoperability = (
            [in_little_endian(entry, order) for entry in table]
            for table in (self.main, self.photo, self.gps, self.interoperability)
        )
        return replace(self, main=main, photo=photo, gps=gps, interoperability=interoperability)


def tables_at(file: Seekable, order: str, offset: int, *, big: bool = False) -> Exif:
    """Return the tables that the IFD at byte `offset` of a TIFF structure holds and points to.

    order: "<" or ">", the byte order. big: the file is a BigTIFF. Entries whose values lie outside the file are left
    out, and so are those that describe the layout of the file. Of entries with the same tag the first is taken.
    """
    places: dict[int, int] = {}

    def table(entry: Entry | None, *, wanted: set[int] | None = None) -> list[Entry]:
        if entry is None or len(entry[3]) not in (4, 8):
            return []
        at = struct.unpack(order + "IQ"[len(entry[3]) // 8], entry[3])[0]
        found = _first_of_each(entries(file, order, at, big=big, places=places))
        return [found[code] for code in found if wanted is None or code in wanted]

    first = _first_of_each(entries(file, order, offset, big=big))
    photo = table(first.get(EXIF_IFD_TAG))
    pointer = next((entry for entry in photo if entry[0] == INTEROPERABILITY_IFD_TAG), None)
    interoperability = table(pointer, wanted=INTEROPERABILITY_TAGS)
    photo = [entry for entry in photo if entry is not pointer]
    main = [entry for code, entry in first.items() if code in DESCRIPTIVE_TAGS | GEO_TAGS]
    gps = table(first.get(GPS_IFD_TAG))
    return Exif(main, photo, gps, interoperability, places.get(MAKER_NOTE_TAG, 0))


def packed_block(order: str, exif: Exif) -> bytes:
    """Return the tables as a block: a TIFF structure without an "Exif" header, all values in byte order `order`."""
    codes = [code for code, table in ((EXIF_IFD_TAG, exif.photo), (GPS_IFD_TAG, exif.gps)) if table]
    # The length of the main table is the same whatever its pointers are.
    at = 8 + len(packed(order, [*exif.main, *((code, LONG, 1, bytes(4)) for code in codes)], 8))
    pointers, blocks = [], b""
    for code in codes:
        pointers.append((code, LONG, 1, struct.pack(order + "I", at + len(blocks))))
        blocks += packed_table(order, exif, code, at + len(blocks))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + packed(order, [*exif.main, *pointers], 8) + blocks


def packed_table(order: str, exif: Exif, code: int, at: int, *, big: bool = False) -> bytes:
    """Return the table that the tag `code` points to, Exif or GPS, and what lies behind it, to lie at byte `at`."""
    if code == GPS_IFD_TAG:
        return packed(order, exif.gps, at, big=big)
    if not exif.interoperability:
        return packed(order, exif.photo, at, big=big, moved=_mover(exif))
    pointer = (INTEROPERABILITY_IFD_TAG, LONG, 1, bytes(4))
    behind = at + len(packed(order, [*exif.photo, pointer], at, big=big))
    pointer = (*pointer[:3], struct.pack(order + "I", behind))
    photo = packed(order, [*exif.photo, pointer], at, big=big, moved=_mover(exif))
    return photo + packed(order, exif.interoperability, behind, big=big)


def _mover(exif: Exif) -> Moved:
    """Return what moves the maker note; one that cannot be moved stays as it is, for the writer to leave it out."""

    def moved(entry: Entry, at: int) -> bytes:
        code, _, _, data = entry
        return (moved_note(data, exif.note_at, at) or data) if code == MAKER_NOTE_TAG else data

    return moved


def _first_of_each(found: Iterable[Entry]) -> dict[int, Entry]:
    """Return the first entry of each tag, because a directory may hold a tag once."""
    table: dict[int, Entry] = {}
    for entry in found:
        table.setdefault(entry[0], entry)
    return table
