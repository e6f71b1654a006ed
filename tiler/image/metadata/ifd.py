"""Image file directories: the tables of tags in TIFF, BigTIFF and Exif (TIFF 6.0, section 2; Exif 2.32)."""

import struct
from collections.abc import Callable, Iterator
from typing import Protocol

from tiler.image.metadata.tags import RATIONAL, SIGNED_RATIONAL

# The bytes of one value of each type.
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
# The bytes of one number of each type; a rational is two numbers.
NUMBER_BYTES = TYPE_BYTES | {5: 4, 10: 4}
# A longer entry, or more entries, are a mistake or an attack.
MOST_ENTRY_BYTES = 2**24
MOST_ENTRIES = 4096

Entry = tuple[int, int, int, bytes]  # code, type, count, and the values as they lie in the file
# What the values of an entry become when they are put at a byte of the file.
Moved = Callable[[Entry, int], bytes]


class Seekable(Protocol):
    """An open file of bytes."""

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...


def entries(
    file: Seekable, order: str, offset: int, *, big: bool = False, places: dict[int, int] | None = None
) -> Iterator[Entry]:
    """Yield the entries of the directory at byte `offset`; entries whose values lie outside the file are left out.

    order: "<" or ">", the byte order. big: the file is a BigTIFF. places: is given, for the code of each entry whose
    values lie apart from the directory, the byte at which they lie.
    """
    head, row, room = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
    try:
        file.seek(offset)
        (count,) = struct.unpack(order + head, file.read(struct.calcsize(order + head)))
        step = struct.calcsize(order + row) + room
        table = file.read(min(count, MOST_ENTRIES) * step)
    except (struct.error, OSError, ValueError, OverflowError):
        return
    for at in range(0, len(table) - step + 1, step):
        code, kind, number = struct.unpack_from(order + row, table, at)
        size = TYPE_BYTES.get(kind, 0) * number
        inline = table[at + step - room : at + step]
        if 0 < size <= room:
            yield code, kind, number, inline[:size]
        elif 0 < size <= MOST_ENTRY_BYTES:
            (place,) = struct.unpack(order + ("Q" if big else "I"), inline)
            data = _read(file, place, size)
            if len(data) == size:
                if places is not None:
                    places[code] = place
                yield code, kind, number, data


def packed(order: str, table: list[Entry], at: int, *, big: bool = False, moved: Moved | None = None) -> bytes:
    """Return the bytes of a directory with the entries of `table`, and their values behind it, to lie at byte `at`.

    The pointer to the next directory is 0. order: "<" or ">", the byte order. big: for a BigTIFF. moved: gives the
    values, as many bytes as before, of an entry that are to lie at a byte.
    """
    head, row, room = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
    rows, values = struct.pack(order + head, len(table)), b""
    behind = at + struct.calcsize(order + head) + (struct.calcsize(order + row) + room) * len(table) + room
    for code, kind, count, data in sorted(table, key=lambda entry: entry[0]):
        rows += struct.pack(order + row, code, kind, count)
        if len(data) <= room:
            rows += data.ljust(room, b"\0")
        else:
            place = behind + len(values)
            rows += struct.pack(order + ("Q" if big else "I"), place)
            values += (moved((code, kind, count, data), place) if moved else data) + bytes(len(data) % 2)
    return rows + bytes(room) + values


def in_little_endian(entry: Entry, order: str) -> Entry:
    """Return an entry whose values have the byte order `order` with the values in little-endian order."""
    code, kind, count, data = entry
    size = NUMBER_BYTES[kind]
    if order == "<" or size == 1:
        return entry
    return code, kind, count, b"".join(data[at : at + size][::-1] for at in range(0, len(data), size))


def numbers(entry: Entry, order: str) -> tuple[float, ...]:
    """Return the values of an entry as numbers: whole ones, and rationals whose denominator is not 0; else none."""
    _, kind, count, data = entry
    if kind in (RATIONAL, SIGNED_RATIONAL):
        parts = struct.unpack(f"{order}{2 * count}{'I' if kind == RATIONAL else 'i'}", data)
        pairs = list(zip(parts[::2], parts[1::2], strict=True))
        return tuple(over / under for over, under in pairs) if all(under for _, under in pairs) else ()
    letter = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}.get(kind)
    return struct.unpack(f"{order}{count}{letter}", data) if letter else ()


def _read(file: Seekable, offset: int, size: int) -> bytes:
    try:
        file.seek(offset)
        return file.read(size)
    except (OSError, ValueError, OverflowError):
        return b""
