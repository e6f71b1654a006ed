"""Maker notes: blocks of a camera's maker in Exif, most of them directories whose pointers break when they are moved.

No standard describes them. Three kinds are told apart by their bytes. A note that is no directory, or whose directory
points into the note by counting from the note's own start, can lie anywhere. A note whose pointers count from the start
of the Exif block can be moved by adding the distance to each, if every value lies within the note. All others are left
out. "Metadata in Digital Photographs", Harvey, exiftool.org, has what is known of each maker.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tiler.image.metadata.ifd import TYPE_BYTES
from tiler.image.metadata.tags import IFD, LONG, UNDEFINED

# A directory begins behind the name of the maker, which takes so many bytes at most.
MOST_NAME_BYTES = 32
MOST_ENTRIES = 512
HEADERS = (b"II*\0", b"MM\0*")
# The tags of the first directory that lead to previews and other data elsewhere in the old file, by how a note begins.
# Canon and Minolta put no name before the directory.
PREVIEW_TAGS = (
    (b"AOC\0", {3, 4}),
    (b"PENTAX \0", {3, 4}),
    (b"OLYMP", {0x88, 0x89}),
    (b"Nikon\0\2", {0x11}),
    (b"", {0x83, 0x88, 0x89}),
)
# The first value lies so many bytes behind the directory: at once, or behind the pointer to a next directory.
GAPS = (0, 2, 4)


@dataclass(frozen=True, slots=True)
class _Directory:
    """A directory in a note: its byte order, and the bytes at which it starts and ends.

    pointers: (byte at which the pointer lies, pointer, size of the values) of values that lie elsewhere. inline: (byte,
    number) of the single numbers, which may be pointers to further directories.
    """

    order: str
    start: int
    end: int
    pointers: list[tuple[int, int, int]]
    inline: list[tuple[int, int]]


def moved_note(note: bytes, old: int, new: int) -> bytes | None:
    """Return a maker note that lay at byte `old` of its Exif block or file as it must be to lie at byte `new`.

    It has the same length. None if its pointers lead out of the note, so that it cannot be moved.
    """
    found = _first_directory(note)
    if found is None or not found.pointers:
        return note
    is_absolute = _lie_within(found, -old, len(note))
    is_relative = any(_lie_within(found, base, len(note)) for base in range(MOST_NAME_BYTES))
    if is_absolute and is_relative:
        is_absolute = min(pointer for _, pointer, _ in found.pointers) - old - found.end in GAPS
    if not is_absolute:
        return note if is_relative else None
    shifted = bytearray(note)
    for order, at, pointer in _all_pointers(note, found, old):
        struct.pack_into(order + "I", shifted, at, (pointer + new - old) % 2**32)
    if note[-8:-4] in HEADERS and note[-4:] == struct.pack(found.order + "I", old):
        # Canon ends its notes with the byte at which they lie.
        struct.pack_into(found.order + "I", shifted, len(note) - 4, new)
    return bytes(shifted)


def without_previews(note: bytes) -> bytes:
    """Return a maker note without the entries that lead to previews outside of it.

    Readers guess from the length of the directory what its pointers count from, so entries of no meaning take their
    place.
    """
    name, codes = next((name, codes) for name, codes in PREVIEW_TAGS if note.startswith(name))
    found = _directory_behind(note, 18 if name.startswith(b"Nikon") else 0)
    if found is None or (not name and found.start > 0):
        return note
    rows = [note[at : at + 12] for at in range(found.start + 2, found.end, 12)]
    kept = [row for row in rows if struct.unpack_from(found.order + "H", row)[0] not in codes]
    if len(kept) == len(rows):
        return note
    empty = [struct.pack(found.order + "HHII", code, UNDEFINED, 4, 0) for code in range(0x10000 - len(rows), 0x10000)]
    table = b"".join([*kept, *empty[len(kept) :]])
    return note[: found.start + 2] + table + note[found.end :]


def _first_directory(note: bytes) -> _Directory | None:
    """Return the first directory of a note; None without one, or if pointers count from a header of its own."""
    return None if any(header in note[:MOST_NAME_BYTES] for header in HEADERS) else _directory_behind(note, 0)


def _directory_behind(note: bytes, name_at: int) -> _Directory | None:
    """Return the directory that begins at byte `name_at`, or behind a name that lies there; None without one."""
    starts = range(name_at, name_at + MOST_NAME_BYTES, 2)
    found = (_directory_at(note, start, order) for start in starts for order in "<>")
    return next((directory for directory in found if directory), None)


def _directory_at(note: bytes, start: int, order: str) -> _Directory | None:
    """Return the directory at byte `start`; None unless all of its entries are sound."""
    if not 0 <= start <= len(note) - 2:
        return None
    (count,) = struct.unpack_from(order + "H", note, start)
    end = start + 2 + 12 * count
    if not 0 < count <= MOST_ENTRIES or end > len(note):
        return None
    pointers, inline, codes = [], [], []
    for at in range(start + 2, end, 12):
        code, kind, number, value = struct.unpack_from(order + "HHII", note, at)
        size = TYPE_BYTES.get(kind, 0) * number
        if kind not in TYPE_BYTES or size > len(note):
            return None
        codes.append(code)
        if size > 4:
            pointers.append((at + 8, value, size))
        elif kind in (LONG, IFD) and number == 1:
            inline.append((at + 8, value))
    return _Directory(order, start, end, pointers, inline) if len(set(codes)) > len(codes) // 2 else None


def _lie_within(directory: _Directory, base: int, length: int) -> bool:
    """Return whether all values lie in the note behind the directory, if pointers plus `base` are bytes of it."""
    return all(directory.end <= base + value <= length - size for _, value, size in directory.pointers)


def _all_pointers(note: bytes, directory: _Directory, old: int) -> Iterator[tuple[str, int, int]]:
    """Yield (byte order, byte at which it lies, pointer) for a directory and for those that lie within its values."""
    waiting, seen = [directory], {directory.start}
    while waiting:
        outer = waiting.pop()
        found = [_directory_behind(note, pointer - old) for _, pointer, _ in outer.pointers]
        for at, pointer, _ in outer.pointers:
            yield outer.order, at, pointer
        for at, number in outer.inline:
            # Few numbers happen to be the byte at which a directory lies.
            inner = _directory_at(note, number - old, outer.order)
            if inner and _is_inner(note, inner, outer, old):
                yield outer.order, at, number
                found.append(inner)
        for inner in found:
            if inner and inner.start not in seen and _is_inner(note, inner, outer, old):
                seen.add(inner.start)
                waiting.append(inner)


def _is_inner(note: bytes, inner: _Directory, outer: _Directory, old: int) -> bool:
    """Return whether a directory lies behind another, and its values in the note, by pointers from the same byte."""
    inside = all(old <= pointer <= old + len(note) - size for _, pointer, size in inner.pointers)
    return inside and bool(inner.pointers) and inner.start >= outer.end and inner.order == outer.order
