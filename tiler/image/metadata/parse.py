"""What travels with the pixels, taken out of the blocks that files keep it in."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from tiler.image.metadata.ifd import MOST_ENTRY_BYTES, Entry, Seekable, entries, packed

ORIENTATION_TAG, EXIF_IFD_TAG, GPS_IFD_TAG = 274, 34665, 34853

# What IFD0 says of a picture, not of the layout of its file (TIFF 6.0, Exif 2.32): description, maker, model,
# orientation, software, date, artist, host, copyright, rating and the Windows texts.
DESCRIPTIVE = {269, 270, 271, 272, 274, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096)}
IPTC_RESOURCE = 0x0404

X_RESOLUTION_TAG, Y_RESOLUTION_TAG, UNIT_TAG = 282, 283, 296
INCH, CENTIMETRE = 2, 3
CM_PER_UNIT = {INCH: 2.54, CENTIMETRE: 1.0}
# (type, count) of a resolution and of its unit.
RATES = ((5, 1), (3, 1))


def upright_exif(exif: bytes | None) -> bytes | None:
    """Return the block without its "Exif" header and with orientation 1, else as it is; None if it is no TIFF."""
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
    """Return an Exif block with the descriptive tags of the IFD at `offset` and its Exif and GPS IFDs.

    order: "<" or ">". Values are copied as they are; None if there are none. Entries that lead nowhere are left out.
    """
    main: list[Entry] = []
    inner: dict[int, list[Entry]] = {}
    for entry in entries(file, order, offset, big=big):
        code, _, _, data = entry
        if code in (EXIF_IFD_TAG, GPS_IFD_TAG) and len(data) in (4, 8):
            inner[code] = list(entries(file, order, struct.unpack(order + "IQ"[len(data) // 8], data)[0], big=big))
        elif code in DESCRIPTIVE:
            main.append(entry)
    inner = {code: found for code, found in inner.items() if found}
    if not inner and not any(code != ORIENTATION_TAG for code, *_ in main):
        return None
    # The pointers need values of their length before the blocks they point at can be placed.
    pointers = [(code, 4, 1, bytes(4)) for code in inner]
    at = 8 + len(packed(order, [*main, *pointers], 8))
    blocks = []
    for index, found in enumerate(inner.values()):
        pointers[index] = (*pointers[index][:3], struct.pack(order + "I", at))
        blocks.append(packed(order, found, at))
        at += len(blocks[-1])
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return upright_exif(head + packed(order, [*main, *pointers], 8) + b"".join(blocks))


def iptc_in(resources: bytes | None) -> bytes | None:
    """Return the IIM records in Photoshop's image resources, with or without the header of a JPEG's APP13."""
    return dict(image_resources((resources or b"").removeprefix(b"Photoshop 3.0\0"))).get(IPTC_RESOURCE)


def image_resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (number, bytes) of each of Photoshop's image resources, up to the first that makes no sense."""
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
    """Return the XMP packet of a PNG: the iTXt chunk that Adobe named for it; None if it has none, or is no PNG."""
    rest = _png_text(path, b"iTXt", b"XML:com.adobe.xmp")
    if rest is None:
        return None
    text = rest[2:].split(b"\0", 2)[-1]
    return _inflated(text) if rest[:1] == b"\1" else text


def iptc_of_png(path: Path) -> bytes | None:
    """Return the IIM records of a PNG, which ImageMagick and others keep in hexadecimal; None if it has none."""
    text = _inflated((_png_text(path, b"zTXt", b"Raw profile type iptc") or b"")[1:]) or b""
    try:
        data = bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))
    except ValueError:
        return None
    return (iptc_in(data) if data[:4] == b"8BIM" else data) or None


def dpi_in(exif: bytes | None) -> tuple[float, float] | None:
    """Return the (horizontal, vertical) pixels per inch that an Exif block states; None if it states none."""
    exif = (exif or b"").removeprefix(b"Exif\0\0")
    if exif[:4] not in (b"II*\0", b"MM\0*") or len(exif) < 8:
        return None
    order = _order(exif)
    start = struct.unpack_from(order + "I", exif, 4)[0]
    found = {code: data for code, kind, count, data in entries(BytesIO(exif), order, start) if (kind, count) in RATES}
    unit = struct.unpack(order + "H", found[UNIT_TAG])[0] if UNIT_TAG in found else INCH
    if unit not in CM_PER_UNIT or not {X_RESOLUTION_TAG, Y_RESOLUTION_TAG} <= found.keys():
        return None
    x, y = (struct.unpack(order + "II", found[code]) for code in (X_RESOLUTION_TAG, Y_RESOLUTION_TAG))
    if not all((*x, *y)):
        return None
    return x[0] / x[1] * CM_PER_UNIT[INCH] / CM_PER_UNIT[unit], y[0] / y[1] * CM_PER_UNIT[INCH] / CM_PER_UNIT[unit]


def _png_text(path: Path, kind: bytes, name: bytes) -> bytes | None:
    """Return what follows the name in the first text chunk of that kind and name."""
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
    """Return the byte at which the orientation lies, None if there is none."""
    if exif[:4] not in (b"II*\0", b"MM\0*"):
        return None
    order = _order(exif)
    try:
        start = struct.unpack_from(order + "I", exif, 4)[0]
        for index in range(struct.unpack_from(order + "H", exif, start)[0]):
            at = start + 2 + 12 * index
            if struct.unpack_from(order + "HHI", exif, at) == (ORIENTATION_TAG, 3, 1) and at + 10 <= len(exif):
                return int(at + 8)
    except struct.error:
        pass
    return None
