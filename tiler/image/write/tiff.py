"""TIFF out: tiled, deflate or LZW with a predictor, BigTIFF where 4 GB are not enough, smaller sizes on request."""

import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from tiler.image.metadata.build import Exif, exif_tables
from tiler.image.metadata.ifd import Entry, packed
from tiler.image.metadata.parse import EXIF_IFD_TAG, GPS_IFD_TAG
from tiler.image.write.output import BAND_ROWS, OutputImage, writable
from tiler.image.write.overviews import Cascade, halvings

# One band of rows is one row of tiles.
TILE_PX = BAND_ROWS

# On photographs with alpha, level 1 is half again as fast as LZW and a tenth smaller; higher levels gain 4 %.
DEFLATE_LEVEL = 1

# Offsets in a classic TIFF end at 4 GiB; the rest is room for what is not pixels.
MOST_CLASSIC_BYTES = 2**32 - 2**26

PHOTOMETRICS = {"rgb": "rgb", "grey": "minisblack", "cmyk": "separated"}
EXTRA_SAMPLES = {"straight": ["unassalpha"], "premultiplied": ["assocalpha"], None: None}
XMP_TAG, IPTC_TAG = 700, 33723
BYTE, UNDEFINED, LONG = 1, 7, 4

# The library refuses to write the pointers to Exif tables. A tag of the next number, which is free, keeps the room
# for each; once the file is whole the table is put there and the tag becomes the pointer. Close to the beginning of
# the file, because programs expect 32 bits in the pointer.
KEEPS_ROOM = 1


def write(file: BinaryIO, image: OutputImage) -> None:
    """Write the image as one page, little-endian, ExtraSamples 2 for straight alpha and 1 for premultiplied.

    With `settings.pyramid` its halves follow as SubIFDs down to the size of one tile. file: open for reading too.
    """
    exif = exif_tables(image.metadata.exif, image.shape)
    shapes = halvings(image.shape, TILE_PX) if image.settings.pyramid else []
    big = sum(map(partial(_bytes, image), [image.shape, *shapes])) > MOST_CLASSIC_BYTES
    with (
        ExitStack() as spools,
        ThreadPoolExecutor(image.settings.threads) as threads,
        tifffile.TiffWriter(file, bigtiff=big, byteorder="<") as tiff,
    ):
        smaller = [
            _Smaller(image, shape, threads, spools.enter_context(TemporaryFile(dir=image.settings.work_dir)))
            for shape in shapes
        ]
        cascade = Cascade([_nowhere, *(overview.push for overview in smaller)])
        tiff.write(
            _tiles(image, threads, cascade),
            shape=_shape(image, image.shape),
            iccprofile=image.metadata.icc,
            resolution=image.metadata.dpi,
            resolutionunit="inch" if image.metadata.dpi else None,
            extratags=_extra_tags(image, exif),
            subifds=len(shapes),
            **_layout(image),
        )
        cascade.close()
        for overview in smaller:
            tiff.write(overview.tiles(), shape=_shape(image, overview.shape), subfiletype=1, **_layout(image))
    for code, table in ((EXIF_IFD_TAG, exif.photo), (GPS_IFD_TAG, exif.gps)):
        if table:
            _place(file, code, table, big)


class _Smaller:
    """One of the smaller sizes: its compressed tiles wait in a scratch file until the larger one is written."""

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
    """Yield the compressed tiles from top left to bottom right, and fill the smaller sizes meanwhile."""
    compress = _compressor(image)
    for band in image.bands:
        cascade.push(band)
        yield from _compressed_row(band, compress, threads)


def _nowhere(_band: NDArray[Any]) -> None:
    """Take the full size, whose tiles go straight into the file."""


def _compressed_row(
    band: NDArray[Any], compress: Callable[[NDArray[Any]], bytes], threads: ThreadPoolExecutor
) -> Iterator[bytes]:
    return threads.map(compress, [band[:, left : left + TILE_PX] for left in range(0, band.shape[1], TILE_PX)])


def _compressor(image: OutputImage) -> Callable[[NDArray[Any]], bytes]:
    """Return what makes the bytes of a tile, filled up at the right and below by repeating its edge."""

    def compress(tile: NDArray[Any]) -> bytes:
        missing = (TILE_PX - tile.shape[0], TILE_PX - tile.shape[1])
        whole = np.pad(tile, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
        predict = imagecodecs.floatpred_encode if whole.dtype.kind == "f" else imagecodecs.delta_encode
        differences = writable(predict(whole, axis=-2)).tobytes()
        if image.settings.compression == "lzw":
            return bytes(imagecodecs.lzw_encode(differences))
        return bytes(imagecodecs.deflate_encode(differences, level=DEFLATE_LEVEL))

    return compress


def _layout(image: OutputImage) -> dict[str, Any]:
    return {
        "dtype": image.dtype,
        "photometric": PHOTOMETRICS[image.colour],
        "planarconfig": "contig" if image.samples > 1 else None,
        "extrasamples": EXTRA_SAMPLES[image.alpha],
        "tile": (TILE_PX, TILE_PX),
        "compression": "adobe_deflate" if image.settings.compression == "deflate" else "lzw",
        "predictor": True,
        "software": False,
        "metadata": None,
    }


def _extra_tags(image: OutputImage, exif: Exif) -> list[tuple[int, int, int, bytes, bool]]:
    """Return what else goes into the first page, as the library wants it: code, type, count, bytes, once."""
    tags = [(code, kind, 0, data, True) for code, kind, _, data in exif.main]
    if image.metadata.xmp:
        tags.append((XMP_TAG, BYTE, 0, image.metadata.xmp, True))
    if image.metadata.iptc:
        tags.append((IPTC_TAG, UNDEFINED, 0, image.metadata.iptc, True))
    for code, table in ((EXIF_IFD_TAG, exif.photo), (GPS_IFD_TAG, exif.gps)):
        if table:
            room = max(len(packed("<", table, 0, big=big)) for big in (False, True))
            tags.append((code + KEEPS_ROOM, UNDEFINED, 0, bytes(room), True))
    return tags


def _place(file: BinaryIO, code: int, table: list[Entry], big: bool) -> None:
    """Put a table where room was kept for it, and point at it."""
    head, row, pointer, room = ("<Q", "<HHQ", "<Q", 8) if big else ("<H", "<HHI", "<I", 4)
    file.seek(8 if big else 4)
    first = struct.unpack(pointer, file.read(room))[0]
    file.seek(first)
    (count,) = struct.unpack(head, file.read(struct.calcsize(head)))
    step = struct.calcsize(row) + room
    rows = file.read(count * step)
    at = next(at for at in range(0, len(rows), step) if struct.unpack_from("<H", rows, at)[0] == code + KEEPS_ROOM)
    offset = struct.unpack_from(pointer, rows, at + step - room)[0]
    file.seek(offset)
    file.write(packed("<", table, offset, big=big))
    file.seek(first + struct.calcsize(head) + at)
    file.write(struct.pack(row, code, LONG, 1) + struct.pack("<I", offset).ljust(room, b"\0"))
    file.seek(0, 2)


def _shape(image: OutputImage, shape: tuple[int, int]) -> tuple[int, ...]:
    return (*shape, image.samples) if image.samples > 1 else shape


def _bytes(image: OutputImage, shape: tuple[int, int]) -> int:
    """Return what a picture of `shape` takes at most, filled up to whole tiles."""
    area = -(-shape[0] // TILE_PX) * -(-shape[1] // TILE_PX) * TILE_PX**2
    return area * image.samples * image.dtype.itemsize
