"""PNG out, streamed and compressed by several threads.

Each row is replaced by its difference to the row above (filter 2, Up). The filtered bytes are cut into blocks. Each
block is deflated by itself, with the 32 KiB before it as dictionary, and ends on a whole byte, so that the blocks
joined are one valid stream, as in pigz. PNG: W3C, Portable Network Graphics, third edition; deflate: RFC 1951; zlib
wrapper: RFC 1950.
"""

import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from tiler.image.metadata.build import exif_block
from tiler.image.write.output import OutputImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
FILTER_UP = 2

# Of ISA-L. On photographs it writes 240 MB/s with each thread, and files are 3 % smaller than those of level 1 of zlib,
# which writes 53 MB/s.
DEFLATE_LEVEL = 1
BLOCK_BYTES = 2**20

# The bytes that are filtered at a time: enough blocks for every thread, and little memory.
PART_BYTES = 16 * BLOCK_BYTES
DICTIONARY_BYTES = 2**15
ZLIB_HEADER = b"\x78\x01"
LAST_EMPTY_BLOCK = b"\x03\x00"
INCHES_PER_METRE = 1 / 0.0254


def write(file: BinaryIO, image: OutputImage) -> None:
    """Write the image as grey or RGB, with straight alpha or without, 8 or 16 bit."""
    height, width = image.shape
    file.write(SIGNATURE)
    _chunk(
        file,
        b"IHDR",
        struct.pack(">IIBBBBB", width, height, 8 * image.dtype.itemsize, COLOUR_TYPES[image.samples], 0, 0, 0),
    )
    _write_metadata(file, image)
    for part in _stream(_filtered(image), image.threads):
        _chunk(file, b"IDAT", part)
    _chunk(file, b"IEND", b"")


def _write_metadata(file: BinaryIO, image: OutputImage) -> None:
    """Write colours, resolution, Exif, XMP, texts, and IPTC as ImageMagick does, because PNG has no chunk for it."""
    metadata = image.metadata
    for kind, content in metadata.png_colour:
        _chunk(file, kind, content)
    if metadata.icc:
        _chunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    if metadata.dpi:
        x, y = (round(dpi * INCHES_PER_METRE) for dpi in metadata.dpi)
        _chunk(file, b"pHYs", struct.pack(">IIB", x, y, 1))
    _chunk(file, b"eXIf", exif_block(metadata, image.shape))
    if metadata.xmp:
        _chunk(file, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    if metadata.iptc:
        text = f"\niptc\n{len(metadata.iptc):8d}\n{metadata.iptc.hex()}\n".encode()
        _chunk(file, b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text))
    for keyword, comment in metadata.texts:
        _write_text(file, keyword, comment)


def _write_text(file: BinaryIO, keyword: str, text: str) -> None:
    """Write a text: in Latin-1 if that has all of its characters, else in UTF-8."""
    name, text = keyword.encode("latin-1"), text.replace("\0", " ")
    try:
        _chunk(file, b"tEXt", name + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        _chunk(file, b"iTXt", name + b"\0\0\0\0\0" + text.encode())


def _filtered(image: OutputImage) -> Iterator[bytes]:
    """Yield filtered bytes, a few rows at a time; of each the filter number, then the difference to the row above."""
    row_bytes = image.shape[1] * image.samples * image.dtype.itemsize
    rows_at_once = max(1, PART_BYTES // row_bytes)
    above: NDArray[np.uint8] = np.zeros((1, row_bytes), np.uint8)
    for band in image.bands:
        for start in range(0, band.shape[0], rows_at_once):
            rows = _row_bytes(band[start : start + rows_at_once])
            filtered = np.empty((rows.shape[0], row_bytes + 1), np.uint8)
            filtered[:, 0] = FILTER_UP
            np.subtract(rows[:1], above, out=filtered[:1, 1:])
            np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
            above = rows[-1:].copy()
            yield filtered.tobytes()


def _row_bytes(band: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the band as (h, bytes of a row), big-endian."""
    big_endian = np.ascontiguousarray(band).astype(band.dtype.newbyteorder(">"), copy=False)
    return big_endian.view(np.uint8).reshape(band.shape[0], -1)


def _stream(parts: Iterator[bytes], threads: int) -> Iterator[bytes]:
    """Yield the zlib stream of the joined parts, a block at a time."""
    yield ZLIB_HEADER
    checksum, previous = 1, b""
    with ThreadPoolExecutor(threads) as pool:
        for part in parts:
            checksum = zlib.adler32(part, checksum)
            starts = range(0, len(part), BLOCK_BYTES)
            blocks = [part[start : start + BLOCK_BYTES] for start in starts]
            dictionaries = [previous, *(block[-DICTIONARY_BYTES:] for block in blocks[:-1])]
            yield from pool.map(_deflated, blocks, dictionaries)
            previous = blocks[-1][-DICTIONARY_BYTES:]
    yield LAST_EMPTY_BLOCK + struct.pack(">I", checksum)


def _deflated(block: bytes, dictionary: bytes) -> bytes:
    deflate = isal_zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zdict=dictionary)
    return bytes(deflate.compress(block) + deflate.flush(zlib.Z_SYNC_FLUSH))


def _chunk(file: BinaryIO, kind: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))
