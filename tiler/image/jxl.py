"""JPEG XL, in its boxes or bare."""

from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np

from tiler.image.bounds import check_whole
from tiler.image.metadata_in import upright_exif
from tiler.image.source import Metadata, Source
from tiler.image.whole import decoded, whole

BARE = b"\xff\x0a"
# Width over height for each code of the size header (ISO 18181-1, B.2).
RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


def open_file(path: Path) -> Source:
    """Open the JPEG XL file `path`; raises InputError if it is damaged."""
    source: Source = decoded(path, "JPEG XL file", lambda: _read(path))
    return source


def _read(path: Path) -> Source:
    data = path.read_bytes()
    boxes: dict[bytes, bytes] = {} if data.startswith(BARE) else dict(_boxes(data))
    stream = boxes.get(b"jxlc") or boxes.get(b"jxlp", b"")[4:] or data
    height, width = _size(stream)
    check_whole(path, height * width * 4 * 8, "a JPEG XL picture")
    pixels = imagecodecs.jpegxl_decode(data)
    if pixels.dtype not in (np.uint8, np.uint16):
        pixels = pixels.astype(np.float32)
    exif = boxes.get(b"Exif", b"")
    exif = exif[4 + int.from_bytes(exif[:4], "big") :]
    # libjxl turns the picture itself. Its profile is not handed out, so nothing is said of one.
    return whole(pixels, Metadata(None, None, upright_exif(exif or None), boxes.get(b"xml ")))


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at, seen = 0, set()
    while at + 8 <= len(data):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        size = size or len(data) - at
        if size < head:
            return
        if kind not in seen:
            seen.add(kind)
            yield kind, data[at + head : at + size]
        at += size


def _size(stream: bytes) -> tuple[int, int]:
    """Return (height, width) from the size header, a field of bits that begins with the lowest."""
    if not stream.startswith(BARE) or len(stream) < 12:
        raise ValueError("it has no size")
    bits, at = int.from_bytes(stream[2:12], "little"), 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return (bits >> (at - count)) & ((1 << count) - 1)

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    ratio = take(3)
    width = side() if not ratio else height * RATIOS[ratio][0] // RATIOS[ratio][1]
    return height, width
