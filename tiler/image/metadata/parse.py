"""Parsing metadata: what the Exif, Photoshop and PNG blocks of a file hold."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from tiler.image.metadata.ifd import MOST_ENTRY_BYTES, Entry, Seekable, entries, packed
from tiler.image.metadata.tags import (
    DESCRIPTIVE_TAGS,
    EXIF_IFD_TAG,
    GPS_IFD_TAG,
    INCH,
    INCHES_PER_UNIT,
    LONG,
    ORIENTATION_TAG,
    RATIONAL,
    RESOLUTION_UNIT_TAG,
    SHORT,
    X_RESOLUTION_TAG,
    Y_RESOLUTION_TAG,
)

# The image resource that holds IPTC (Adobe Photoshop File Formats Specification).
IPTC_RESOURCE = 0x0404
# (type, count) of a resolution and of its unit.
RESOLUTION_TYPES = ((RATIONAL, 1), (SHORT, 1))


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
    lie outside the file are left out.
    """
    main: list[Entry] = []
    inner: dict[int, list[Entry]] = {}
    for entry in entries(file, order, offset, big=big):
        code, _, _, data = entry
        if code in (EXIF_IFD_TAG, GPS_IFD_TAG) and len(data) in (4, 8):
            inner[code] = list(entries(file, order, struct.unpack(order + "IQ"[len(data) // 8], data)[0], big=big))
        elif code in DESCRIPTIVE_TAGS:
            main.append(entry)
    inner = {code: found for code, found in inner.items() if found}
    if not inner and not any(code != ORIENTATION_TAG for code, *_ in main):
        return None
    # The length of the main table, pointers included, must be known before the tables behind it can be placed.
    pointers = [(code, LONG, 1, bytes(4)) for code in inner]
    at = 8 + len(packed(order, [*main, *pointers], 8))
    blocks = []
    for index, found in enumerate(inner.values()):
        pointers[index] = (*pointers[index][:3], struct.pack(order + "I", at))
        blocks.append(packed(order, found, at))
        at += len(blocks[-1])
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return upright_exif(head + packed(order, [*main, *pointers], 8) + b"".join(blocks))


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


def xmp_of_png(path: Path) -> bytes | None:
    """Return the XMP packet of a PNG, from the iTXt chunk that Adobe named for it; None without one, or if no PNG."""
    rest = _png_text(path, b"iTXt", b"XML:com.adobe.xmp")
    if rest is None:
        return None
    text = rest[2:].split(b"\0", 2)[-1]
    return _inflated(text) if rest[:1] == b"\1" else text


def iptc_of_png(path: Path) -> bytes | None:
    """Return the IPTC records (IIM) of a PNG, which ImageMagick and others write in hexadecimal; None without any."""
    text = _inflated((_png_text(path, b"zTXt", b"Raw profile type iptc") or b"")[1:]) or b""
    try:
        data = bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))
    except ValueError:
        return None
    return (iptc_in(data) if data[:4] == b"8BIM" else data) or None


def dpi_in(exif: bytes | None) -> tuple[float, float] | None:
    """Return the (horizontal, vertical) pixels per inch in an Exif block; None if it states none."""
    exif = (exif or b"").removeprefix(b"Exif\0\0")
    if exif[:4] not in (b"II*\0", b"MM\0*") or len(exif) < 8:
        return None
    order = _order(exif)
    start = struct.unpack_from(order + "I", exif, 4)[0]
    directory = entries(BytesIO(exif), order, start)
    found = {code: data for code, kind, count, data in directory if (kind, count) in RESOLUTION_TYPES}
    unit = struct.unpack(order + "H", found[RESOLUTION_UNIT_TAG])[0] if RESOLUTION_UNIT_TAG in found else INCH
    if unit not in INCHES_PER_UNIT or not {X_RESOLUTION_TAG, Y_RESOLUTION_TAG} <= found.keys():
        return None
    x, y = (struct.unpack(order + "II", found[code]) for code in (X_RESOLUTION_TAG, Y_RESOLUTION_TAG))
    if not all((*x, *y)):
        return None
    return x[0] / x[1] / INCHES_PER_UNIT[unit], y[0] / y[1] / INCHES_PER_UNIT[unit]


def _png_text(path: Path, kind: bytes, name: bytes) -> bytes | None:
    """Return what follows the name in the first text chunk of kind `kind` and name `name`; None without one."""
    with path.open("rb") as file:
        if file.read(8) != b"\x89PNG\r\n\x1a\n":
            return None
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[:4], "big")
            if head[4:] != kind or size > MOST_ENTRY_BYTES:
                file.seek(size + 4, 1)
                continue
            own, _, rest = file.read(size).partition(b"\0")
            if own == name:
                return rest
            file.seek(4, 1)
    return None


def _inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, MOST_ENTRY_BYTES)
    except zlib.error:
        return None


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
