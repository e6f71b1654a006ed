"""Building the Exif of the output: upright, of the size of the output, without thumbnails of the source."""

import struct
from dataclasses import replace
from fractions import Fraction
from io import BytesIO

from tiler.image.metadata.exif import Exif, packed_block, tables_at
from tiler.image.metadata.ifd import Entry
from tiler.image.metadata.maker_note import moved_note, without_previews
from tiler.image.metadata.tags import (
    ASCII,
    EXIF_HEIGHT_TAG,
    EXIF_WIDTH_TAG,
    GEO_TAGS,
    INCH,
    JPEG_TAGS,
    LONG,
    MAKE_TAG,
    MAKER_NOTE_TAG,
    ORIENTATION_TAG,
    RATIONAL,
    RESOLUTION_UNIT_TAG,
    SHORT,
    SOFTWARE_TAG,
    UNDEFINED,
    X_RESOLUTION_TAG,
    Y_RESOLUTION_TAG,
)
from tiler.image.source import Metadata

# What Exif 2.32 requires of its table: its version, that of FlashPix, and a colour space; here "uncalibrated", which
# leaves it to the profile.
REQUIRED = (
    (36864, UNDEFINED, 4, b"0232"),
    (40960, UNDEFINED, 4, b"0100"),
    (40961, SHORT, 1, struct.pack("<H", 0xFFFF)),
)
# The rule of interoperability of pictures in Adobe RGB (DCF 2.0).
ADOBE_RGB = b"R03"


def exif_tables(exif: bytes | None, shape: tuple[int, int], *, tiff: bool = False) -> Exif:
    """Return the tables of an Exif block for an upright output of `shape` (height, width), little-endian.

    Left out are thumbnails, which show the picture before it was matted; entries that only point into the old file or
    describe how it was compressed; and a maker note that cannot be moved (`stuck_maker_note`). A block that names no
    software gets the name of this one. Without a block, only the software and the orientation are returned.

    tiff: for the directories of a TIFF, which has the place on the Earth, and must not state a size in its Exif.
    """
    own = _own_tables(exif)
    main = [entry for entry in own.main if entry[0] != ORIENTATION_TAG and (tiff or entry[0] not in GEO_TAGS)]
    main.append((ORIENTATION_TAG, SHORT, 1, struct.pack("<H", 1)))
    if not any(code == SOFTWARE_TAG for code, *_ in main):
        main.append((SOFTWARE_TAG, ASCII, 6, b"tiler\0"))
    sizes = {EXIF_WIDTH_TAG: shape[1], EXIF_HEIGHT_TAG: shape[0]}
    untrue = JPEG_TAGS | (sizes.keys() if tiff else set()) | ({MAKER_NOTE_TAG} if _is_stuck(own) else set())
    photo = [_true(entry, sizes) for entry in own.photo if entry[0] not in untrue]
    if tiff and photo:
        photo += [entry for entry in REQUIRED if entry[0] not in {code for code, *_ in photo}]
    # In a TIFF, Exif has the rule of interoperability only where it says more than that the colours are sRGB.
    is_told = not tiff or any(entry[0] == 1 and entry[3][:3] == ADOBE_RGB for entry in own.interoperability)
    return replace(own, main=main, photo=photo, interoperability=own.interoperability if is_told else [])


def _true(entry: Entry, sizes: dict[int, int]) -> Entry:
    """Return an entry with the size of the output, by tag, or without previews of the old file."""
    code, kind, count, data = entry
    if code in sizes:
        return code, LONG, 1, struct.pack("<I", sizes[code])
    return (code, kind, count, without_previews(data)) if code == MAKER_NOTE_TAG else entry


def exif_block(metadata: Metadata, shape: tuple[int, int]) -> bytes:
    """Return `exif_tables` and the resolution as a block: a little-endian TIFF structure without an "Exif" header."""
    tables = exif_tables(metadata.exif, shape)
    return packed_block("<", replace(tables, main=tables.main + _resolution(metadata.dpi)))


def stuck_maker_note(exif: bytes | None) -> str | None:
    """Return whose maker note an Exif block has that cannot be moved, as the picture names the maker; None if none."""
    own = _own_tables(exif)
    if not _is_stuck(own):
        return None
    make = next((data for code, _, _, data in own.main if code == MAKE_TAG), b"")
    return make.split(b"\0")[0].decode("ascii", "replace").strip() or "an unknown maker"


def has_place_on_earth(exif: bytes | None) -> bool:
    """Return whether an Exif block has the tags of GeoTIFF."""
    return any(code in GEO_TAGS for code, *_ in _own_tables(exif).main)


def _own_tables(exif: bytes | None) -> Exif:
    if not exif or len(exif) < 8:
        return Exif()
    order = "<" if exif[:2] == b"II" else ">"
    found = tables_at(BytesIO(exif), order, struct.unpack_from(order + "I", exif, 4)[0])
    return found.in_little_endian(order)


def _is_stuck(exif: Exif) -> bool:
    note = next((data for code, _, _, data in exif.photo if code == MAKER_NOTE_TAG), None)
    return note is not None and moved_note(note, exif.note_at, 0) is None


def _resolution(dpi: tuple[float, float] | None) -> list[Entry]:
    if dpi is None:
        return []
    x, y = (struct.pack("<II", *Fraction(value).limit_denominator(1000).as_integer_ratio()) for value in dpi)
    unit = (RESOLUTION_UNIT_TAG, SHORT, 1, struct.pack("<H", INCH))
    return [(X_RESOLUTION_TAG, RATIONAL, 1, x), (Y_RESOLUTION_TAG, RATIONAL, 1, y), unit]
