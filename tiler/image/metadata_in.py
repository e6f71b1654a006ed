"""What travels with the pixels, taken out of the blocks that files keep it in."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

ORIENTATION_TAG, EXIF_IFD_TAG, GPS_IFD_TAG = 274, 34665, 34853

# What IFD0 says of a picture, not of the layout of its file (TIFF 6.0, Exif 2.32): description, maker, model,
# orientation, software, date, artist, host, copyright, rating and the Windows texts.
DESCRIPTIVE = {269, 270, 271, 272, 274, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096)}
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
MOST_ENTRY_BYTES = 2**24
IPTC_RESOURCE = 0x0404


class Seekable(Protocol):
    """An open file of bytes."""

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...


Entry = tuple[int, int, int, bytes]  # code, type, count, and the values as they lie in the file


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
    for entry in _entries(file, order, offset, big):
        code, _, _, data = entry
        if code in (EXIF_IFD_TAG, GPS_IFD_TAG) and len(data) in (4, 8):
            inner[code] = list(_entries(file, order, struct.unpack(order + "IQ"[len(data) // 8], data)[0], big))
        elif code in DESCRIPTIVE:
            main.append(entry)
    inner = {code: entries for code, entries in inner.items() if entries}
    if not inner and not any(code != ORIENTATION_TAG for code, *_ in main):
        return None
    # The pointers need values of their length before the blocks they point at can be placed.
    pointers = [(code, 4, 1, bytes(4)) for code in inner]
    at = 8 + len(_packed(order, [*main, *pointers], 8))
    blocks = []
    for index, entries in enumerate(inner.values()):
        pointers[index] = (*pointers[index][:3], struct.pack(order + "I", at))
        blocks.append(_packed(order, entries, at))
        at += len(blocks[-1])
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return upright_exif(head + _packed(order, [*main, *pointers], 8) + b"".join(blocks))


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
    with path.open("rb") as file:
        if file.read(8) != b"\x89PNG\r\n\x1a\n":
            return None
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[:4], "big")
            if head[4:] != b"iTXt" or size > MOST_ENTRY_BYTES:
                file.seek(size + 4, 1)
                continue
            name, _, rest = file.read(size).partition(b"\0")
            if name == b"XML:com.adobe.xmp":
                text = rest[2:].split(b"\0", 2)[-1]
                return _inflated(text) if rest[:1] == b"\1" else text
            file.seek(4, 1)
    return None


def _inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, MOST_ENTRY_BYTES)
    except zlib.error:
        return None


def _entries(file: Seekable, order: str, offset: int, big: bool) -> Iterator[Entry]:
    head, row, room = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
    try:
        file.seek(offset)
        (count,) = struct.unpack(order + head, file.read(struct.calcsize(order + head)))
        step = struct.calcsize(order + row) + room
        table = file.read(min(count, 4096) * step)
    except (struct.error, OSError, ValueError, OverflowError):
        return
    for at in range(0, len(table) - step + 1, step):
        code, kind, number = struct.unpack_from(order + row, table, at)
        size = TYPE_BYTES.get(kind, 0) * number
        inline = table[at + step - room : at + step]
        if 0 < size <= room:
            yield code, kind, number, inline[:size]
        elif 0 < size <= MOST_ENTRY_BYTES:
            file.seek(struct.unpack(order + ("Q" if big else "I"), inline)[0])
            data = file.read(size)
            if len(data) == size:
                yield code, kind, number, data


def _packed(order: str, entries: list[Entry], at: int) -> bytes:
    """Return an IFD that is to lie at byte `at`, its values behind it."""
    table, values = struct.pack(order + "H", len(entries)), b""
    behind = at + 2 + 12 * len(entries) + 4
    for code, kind, count, data in sorted(entries, key=lambda entry: entry[0]):
        table += struct.pack(order + "HHI", code, kind, count)
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", behind + len(values))
            values += data + bytes(len(data) % 2)
    return table + bytes(4) + values


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
