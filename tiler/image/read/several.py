"""Whether a PNG or a JPEG holds more pictures than the one that is read."""

import os
import struct
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from tiler.image.metadata.ifd import entries
from tiler.image.read.jpeg_segments import SOI, content_of, segments

PNG = b"\x89PNG\r\n\x1a\n"
APP2 = 0xE2
# A multi-picture file (CIPA DC-007): how its segment begins, and the tag with the number of pictures.
MPF, NUMBER_OF_IMAGES = b"MPF\0", 0xB001


def pictures_in(path: Path) -> int:
    """Return how many pictures the PNG or JPEG `path` says it holds: the frames of an animation, or those of an MPO."""
    with path.open("rb") as file:
        start = file.read(8)
        if start == PNG:
            return _frames(file)
        return _of_mpo(file) if start.startswith(SOI) else 1


def _frames(file: BinaryIO) -> int:
    """Return the number in the chunk acTL, which lies before the pixels (PNG 3, 11.3.6.1)."""
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if kind == b"acTL":
            return max(1, int.from_bytes(file.read(4), "big"))
        if kind == b"IDAT":
            break
        file.seek(size + 4, os.SEEK_CUR)
    return 1


def _of_mpo(file: BinaryIO) -> int:
    for segment in segments(file):
        block = content_of(file, segment) if segment[0] == APP2 else b""
        order = {b"II": "<", b"MM": ">"}.get(block[len(MPF) : len(MPF) + 2])
        if not block.startswith(MPF) or order is None or len(block) < len(MPF) + 8:
            continue
        block = block[len(MPF) :]
        at = struct.unpack_from(order + "I", block, 4)[0]
        found = {code: data for code, _, _, data in entries(BytesIO(block), order, at)}
        if len(found.get(NUMBER_OF_IMAGES, b"")) == 4:
            return max(1, int(struct.unpack(order + "I", found[NUMBER_OF_IMAGES])[0]))
    return 1
