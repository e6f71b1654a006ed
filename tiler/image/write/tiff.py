"""TIFF out: tiled, deflate or LZW with a predictor, BigTIFF where 4 GB are not enough, overviews on request."""

import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from math import ceil
from tempfile import TemporaryFile
from threading import local
from typing import IO, Any, BinaryIO

import imagecodecs
import numpy as np
import tifffile
from isal import isal_zlib
from numpy.typing import NDArray

from tiler.image.metadata.build import exif_tables
from tiler.image.metadata.exif import Exif, packed_table
from tiler.image.metadata.tags import (
    BYTE,
    EXIF_IFD_TAG,
    GPS_IFD_TAG,
    IPTC_TAG,
    LONG,
    RATIONAL,
    SIGNED_RATIONAL,
    UNDEFINED,
    XMP_TAG,
)
from tiler.image.source import BAND_ROWS
from tiler.image.write.output import OutputImage, writable
from tiler.image.write.overviews import Cascade, overview_shapes

# One band of rows is one row of tiles.
TILE_PX = BAND_ROWS

# Of ISA-L, which is three times as fast as libdeflate and five times as fast as LZW, for files 6 % larger than those of
# libdeflate. Level 2 makes them 1 % smaller and takes a fifth longer.
DEFLATE_LEVEL = 1

# Offsets in a classic TIFF end at 4 GiB; 16 MiB are left for what is neither pixels nor metadata.
MOST_CLASSIC_BYTES = 2**32 - 2**24

# The most by which compression enlarges a tile. LZW writes a code of 12 bits or less for each byte, and a code to begin
# anew for each 3836 others. Deflate stores what it cannot compress, with 5 bytes for each 2^14 or more.
MOST_GROWTH = {"lzw": 1.5 * (1 + 1 / 3836), "deflate": 1.001}
MOST_GROWTH_BYTES = 64

PHOTOMETRICS = {"rgb": "rgb", "grey": "minisblack", "cmyk": "separated"}
EXTRA_SAMPLES = {"straight": ["unassalpha"], "premultiplied": ["assocalpha"], None: None}

# tifffile refuses to write the tags that point to Exif and GPS tables. So a tag of the next number, which is unused,
# reserves the bytes of each table. When the file is complete, the table is written there, and the tag becomes the
# pointer. The bytes lie close to the beginning of the file, because programs expect a pointer of 32 bits.
RESERVING = 1


def write(file: BinaryIO, image: OutputImage) -> None:
    """Write the image as one page, little-endian, ExtraSamples 2 for straight alpha and 1 for premultiplied.

    With `overviews` they follow as SubIFDs, down to the size of one tile. file: open for reading, too.
    """
    exif = exif_tables(image.metadata.exif, image.shape, tiff=True)
    shapes = overview_shapes(image.shape, TILE_PX) if image.overviews else []
    big = (
        _metadata_bytes(image) + sum(most_bytes(image, shape) for shape in [image.shape, *shapes]) > MOST_CLASSIC_BYTES
    )
    with (
        ExitStack() as scratch,
        ThreadPoolExecutor(image.threads) as threads,
        tifffile.TiffWriter(file, bigtiff=big, byteorder="<") as tiff,
    ):
        overviews = [
            _Overview(image, shape, threads, scratch.enter_context(TemporaryFile(dir=image.scratch)))
            for shape in shapes
        ]
        cascade = Cascade([_take_full_size, *(overview.push for overview in overviews)])
        tiff.write(
            _tiles(image, threads, cascade),
            shape=_shape(image, image.shape),
            iccprofile=image.metadata.icc or None,
            resolution=image.metadata.dpi,
            resolutionunit="inch" if image.metadata.dpi else None,
            extratags=_extra_tags(image, exif),
            subifds=len(shapes),
            **_layout(image),
        )
        cascade.close()
        for overview in overviews:
            tiff.write(overview.tiles(), shape=_shape(image, overview.shape), subfiletype=1, **_layout(image))
    for code in _pointed_to(exif):
        _place(file, code, exif, big)


class _Overview:
    """An overview: its compressed tiles wait in a scratch file until the full size is written."""

    def __init__(
        self, image: OutputImage, shape: tuple[int, int], threads: ThreadPoolExecutor, scratch: IO[bytes]
    ) -> None:
        self.shape = shape
        self._file = scratch
        self._sizes: list[int] = []
        self._compressed = partial(_compressed_row, compress=_compressor(image), threads=threads)

    def push(self, band: NDArray[Any]) -> None:
        for tile in self._compressed(band):
            self._sizes.append(self._file.write(tile))

    def tiles(self) -> Iterator[bytes]:
        self._file.seek(0)
        return (self._file.read(size) for size in self._sizes)


def _tiles(image: OutputImage, threads: ThreadPoolExecutor, cascade: Cascade) -> Iterator[bytes]:
    """Yield the compressed tiles of the full size in raster order, and pass every band on to the overviews."""
    compress = _compressor(image)
    before: Iterator[bytes] = iter(())
    for band in image.bands:
        cascade.push(band)
        # It is at work while the row before is written.
        row = _compressed_row(band, compress, threads)
        yield from before
        before = row
    yield from before


def _take_full_size(_band: NDArray[Any]) -> None:
    """Do nothing: the tiles of the full size go straight into the file."""


def _compressed_row(
    band: NDArray[Any], compress: Callable[[NDArray[Any]], bytes], threads: ThreadPoolExecutor
) -> Iterator[bytes]:
    return threads.map(compress, [band[:, left : left + TILE_PX] for left in range(0, band.shape[1], TILE_PX)])


def _compressor(image: OutputImage) -> Callable[[NDArray[Any]], bytes]:
    """Return a function that compresses a tile, padded on the right and below by repeating its edge."""
    compress: Callable[[Any], Any] = (
        imagecodecs.lzw_encode if image.compression == "lzw" else partial(isal_zlib.compress, level=DEFLATE_LEVEL)
    )
    # Memory that a thread writes to again and again is in the processor's cache; new memory has to be cleared first.
    kept = local()

    def compressed(tile: NDArray[Any]) -> bytes:
        missing = (TILE_PX - tile.shape[0], TILE_PX - tile.shape[1])
        padded = np.pad(tile, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge") if any(missing) else tile
        if padded.dtype.kind == "f":
            return bytes(compress(writable(imagecodecs.floatpred_encode(padded, axis=-2)).tobytes()))
        if not hasattr(kept, "differences"):
            kept.differences = np.empty(padded.shape, padded.dtype)
        differences = kept.differences
        differences[:, 0] = padded[:, 0]
        np.subtract(padded[:, 1:], padded[:, :-1], out=differences[:, 1:])
        return bytes(compress(writable(differences)))

    return compressed


def _layout(image: OutputImage) -> dict[str, Any]:
    return {
        "dtype": image.dtype,
        "photometric": PHOTOMETRICS[image.colour],
        "planarconfig": "contig" if image.samples > 1 else None,
        "extrasamples": EXTRA_SAMPLES[image.alpha],
        "tile": (TILE_PX, TILE_PX),
        "compression": "adobe_deflate" if image.compression == "deflate" else "lzw",
        "predictor": True,
        "software": False,
        "metadata": None,
    }


def _extra_tags(image: OutputImage, exif: Exif) -> list[tuple[int, int, int, Any, bool]]:
    """Return the further tags of the first page as tifffile takes them: code, type, count, values, once."""
    tags = [(code, kind, count, _values(kind, data), True) for code, kind, count, data in exif.main]
    if image.metadata.xmp:
        tags.append((XMP_TAG, BYTE, 0, image.metadata.xmp, True))
    if image.metadata.iptc:
        # Its type is that of numbers of 32 bits, though it holds bytes.
        iptc = image.metadata.iptc + bytes(-len(image.metadata.iptc) % 4)
        tags.append((IPTC_TAG, LONG, 0, iptc, True))
    for code in _pointed_to(exif):
        room = max(len(packed_table("<", exif, code, 0, big=big)) for big in (False, True))
        tags.append((code + RESERVING, UNDEFINED, 0, bytes(room), True))
    return tags


def _values(kind: int, data: bytes) -> bytes | tuple[int, ...]:
    """Return the values of a tag as tifffile takes them: as bytes, but rationals as numbers, or it miscounts them."""
    letter = {RATIONAL: "I", SIGNED_RATIONAL: "i"}.get(kind)
    return struct.unpack(f"<{len(data) // 4}{letter}", data) if letter else data


def _pointed_to(exif: Exif) -> list[int]:
    """Return the tags that point to the tables there are."""
    return [code for code, table in ((EXIF_IFD_TAG, exif.photo), (GPS_IFD_TAG, exif.gps)) if table]


def _place(file: BinaryIO, code: int, exif: Exif, big: bool) -> None:
    """Write a table into the bytes that are reserved for it, and turn the tag that reserves them into the pointer."""
    head, row, pointer, room = ("<Q", "<HHQ", "<Q", 8) if big else ("<H", "<HHI", "<I", 4)
    file.seek(8 if big else 4)
    first = struct.unpack(pointer, file.read(room))[0]
    file.seek(first)
    (count,) = struct.unpack(head, file.read(struct.calcsize(head)))
    step = struct.calcsize(row) + room
    rows = file.read(count * step)
    at = next(at for at in range(0, len(rows), step) if struct.unpack_from("<H", rows, at)[0] == code + RESERVING)
    offset = struct.unpack_from(pointer, rows, at + step - room)[0]
    file.seek(offset)
    file.write(packed_table("<", exif, code, offset, big=big))
    file.seek(first + struct.calcsize(head) + at)
    file.write(struct.pack(row, code, LONG, 1) + struct.pack("<I", offset).ljust(room, b"\0"))
    file.seek(0, 2)


def _shape(image: OutputImage, shape: tuple[int, int]) -> tuple[int, ...]:
    return (*shape, image.samples) if image.samples > 1 else shape


def most_bytes(image: OutputImage, shape: tuple[int, int]) -> int:
    """Return the most bytes that the tiles of a picture of `shape` (height, width) take, compressed."""
    tiles = -(-shape[0] // TILE_PX) * -(-shape[1] // TILE_PX)
    tile_bytes = TILE_PX**2 * image.samples * image.dtype.itemsize
    return tiles * (ceil(tile_bytes * MOST_GROWTH[image.compression]) + MOST_GROWTH_BYTES)


def _metadata_bytes(image: OutputImage) -> int:
    blocks = (image.metadata.icc, image.metadata.exif, image.metadata.xmp, image.metadata.iptc)
    return sum(len(block) for block in blocks if block)
