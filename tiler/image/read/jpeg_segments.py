"""The segments of a JPEG before its first scan, and bytes between them that belong to none (ITU-T T.81, B.1.1)."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SOI = b"\xff\xd8"
SOS = 0xDA
# What begins no segment behind 0xFF: none of these markers lies in a sound header.
NO_SEGMENT = (0x00, 0x01, *range(0xD0, 0xDA), 0xFF)
# So many bytes are searched for the next marker.
MOST_STRAY_BYTES = 2**16

Segment = tuple[int, int, int, int]  # marker, the bytes where it begins, behind its marker, and behind its content


def segments(file: BinaryIO) -> Iterator[Segment]:
    """Yield the segments up to the first scan, or up to where none can be found."""
    at = 2
    while (found := _marker(file, at)) is not None:
        marker, start, behind = found
        file.seek(behind)
        size = int.from_bytes(file.read(2), "big")
        if size < 2:
            return
        at = behind + size
        yield marker, start, behind, at
        if marker == SOS:
            return


def content_of(file: BinaryIO, segment: Segment) -> bytes:
    """Return what follows the length of a segment."""
    _, _, behind, stop = segment
    file.seek(behind + 2)
    return file.read(stop - behind - 2)


def without_stray_bytes(path: Path) -> bytes | None:
    """Return the JPEG `path` without the bytes between its segments that belong to none; None if it has none of them.

    Decoders pass over them with a warning, which stands for damage everywhere else.
    """
    with path.open("rb") as file:
        if file.read(2) != SOI:
            return None
        found = list(segments(file))
        starts, stops = [start for _, start, _, _ in found], [2, *(stop for *_, stop in found)]
        if not found or found[-1][0] != SOS or starts == stops[:-1]:
            return None
        parts = [SOI]
        for _, start, _, stop in found:
            file.seek(start)
            parts.append(file.read(stop - start))
        return b"".join([*parts, file.read()])


def _marker(file: BinaryIO, at: int) -> tuple[int, int, int] | None:
    """Return the number of the next marker, the byte `at` or later where it begins, and the one behind it; or None."""
    file.seek(at)
    data = file.read(MOST_STRAY_BYTES)
    for place in range(len(data) - 1):
        if data[place] == 0xFF and data[place + 1] not in NO_SEGMENT:
            # Any number of bytes 0xFF may fill the space before a marker.
            start = place if data[:place].strip(b"\xff") else 0
            return data[place + 1], at + start, at + place + 2
    return None
