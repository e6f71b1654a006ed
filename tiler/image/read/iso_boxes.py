"""Boxes: the parts of JPEG 2000 and JPEG XL files (ISO 15444-1, I.4; ISO 18181-2, 4)."""

from collections.abc import Iterator


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, content) of each box of `data`, up to the first whose size is invalid; the last may be cut short."""
    at = 0
    while at + 8 <= len(data):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        size = size or len(data) - at
        if size < head:
            return
        yield kind, data[at + head : at + size]
        at += size


def first_of_each(data: bytes) -> dict[bytes, bytes]:
    """Return the content of the first box of each kind, by kind."""
    found: dict[bytes, bytes] = {}
    for kind, content in boxes(data):
        found.setdefault(kind, content)
    return found
