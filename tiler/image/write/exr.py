"""OpenEXR out, streamed: half floats, scan lines, ZIP compression in blocks of sixteen rows.

The layout follows "OpenEXR File Layout", Academy Software Foundation.
"""

import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tiler.image.write.output import OutputImage, writable

MAGIC, VERSION = b"v/1\x01", 2
HALF, ZIP, INCREASING_Y = 1, 3, 0
BLOCK_ROWS = 16
DEFLATE_LEVEL = 4
NAMES = {"rgb": "RGB", "grey": "Y"}


def write(file: BinaryIO, image: OutputImage) -> None:
    """Write the image, float16 in linear light, as R, G, B or Y, and A; the colours are premultiplied by A."""
    names = NAMES[image.colour] + ("A" if image.alpha else "")
    file.write(MAGIC + struct.pack("<i", VERSION) + _header(image, sorted(names)))
    table = file.tell()
    blocks = -(-image.shape[0] // BLOCK_ROWS)
    file.write(bytes(8 * blocks))
    offsets = []
    # The file keeps channels in the order of their names.
    order = [names.index(name) for name in sorted(names)]
    for first_row, data in _blocks(image, order):
        offsets.append(file.tell())
        file.write(struct.pack("<ii", first_row, len(data)) + data)
    file.seek(table)
    file.write(struct.pack(f"<{blocks}Q", *offsets))
    file.seek(0, 2)


def _header(image: OutputImage, names: list[str]) -> bytes:
    height, width = image.shape
    channels = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", HALF, 0, 1, 1) for name in names) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    attributes = [
        ("channels", "chlist", channels),
        ("compression", "compression", bytes([ZIP])),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", bytes([INCREASING_Y])),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<ff", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    ]
    if image.metadata.dpi:
        attributes.append(("xDensity", "float", struct.pack("<f", image.metadata.dpi[0])))
    return b"".join(_attribute(*attribute) for attribute in attributes) + b"\0"


def _attribute(name: str, kind: str, value: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value


def _blocks(image: OutputImage, order: list[int]) -> Iterator[tuple[int, bytes]]:
    """Yield (first row, bytes) of each block of rows."""
    first_row = 0
    with ThreadPoolExecutor(image.threads) as threads:
        for band in image.bands:
            starts = range(0, band.shape[0], BLOCK_ROWS)
            parts = [band[start : start + BLOCK_ROWS][..., order] for start in starts]
            for start, data in zip(starts, threads.map(_block, parts), strict=True):
                yield first_row + start, data
            first_row += band.shape[0]


def _block(rows: NDArray[Any]) -> bytes:
    """Return rows as a block, channel after channel in each row; uncompressed if compression gains nothing."""
    plain = writable(np.moveaxis(rows, 2, 1)).tobytes()
    raw = np.frombuffer(plain, np.uint8)
    halves = np.concatenate([raw[0::2], raw[1::2]])
    halves[1:] = halves[1:] - halves[:-1] + np.uint8(128)
    small = zlib.compress(halves.tobytes(), DEFLATE_LEVEL)
    return small if len(small) < len(plain) else plain
