"""TIFF and BigTIFF in, read segment by segment: any window in bounded memory.

The pixels of a TIFF lie in segments, tiles or strips, each compressed by itself (TIFF 6.0, sections 3 and 15). A
window is put together from the segments that it touches. The segments used last stay decoded. tifffile parses the
header and decodes; whether a file can be trusted is decided here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import tifffile
from imagecodecs import bitorder_decode
from numpy.typing import NDArray
from tifffile import COMPRESSION

from tiler.core.geometry import Box, Span
from tiler.errors import InputError
from tiler.image.own_alpha import straight
from tiler.image.read import isolated, tiff_header
from tiler.image.read.fax_check import check_fax_4
from tiler.image.read.inflate import inflated, is_plainly_deflated
from tiler.image.read.jpeg_check import check_jpeg, check_jpeg_2000
from tiler.image.read.orientation import TurnedSource, exchanges_sides
from tiler.image.read.segment_cache import SegmentCache
from tiler.image.read.tiff_samples import FLOAT, interpretation_of
from tiler.image.source import SAMPLES, Colour, Metadata, Pixels, Source

# Bytes of decoded segments that are kept. Of tiles: those that neighbouring windows share. Of strips, which are as wide
# as the picture: all that a row of windows touches.
TILES_BYTES = 32 * 2**20
STRIPS_BYTES = 128 * 2**20

# A strip that decodes to more bytes is not read through the cache.
MOST_STRIP_BYTES = 64 * 2**20

# Windows in raster order return to these many rows again and again. Strips can be read in any order while so many rows
# fit the cache.
WINDOW_ROWS = 1024

# Uncompressed strips can be cut between any two rows; pieces of about this many bytes are neither slow nor wasteful.
PIECE_BYTES = 2**20

Decode = Callable[[bytes, int], NDArray[Any]]


@dataclass(frozen=True)
class _Segments:
    """Where the segments lie: a grid of `down` x `across` segments of `shape` (rows, cols) px, once for each plane.

    planes: 1 if the samples of a pixel lie together, else one per sample. samples, dtype: of a pixel in a segment, as
    stored. offsets, sizes: of each segment, in bytes. decode: from the bytes and the index of a segment to (h, w,
    samples).
    """

    shape: tuple[int, int]
    down: int
    across: int
    planes: int
    samples: int
    dtype: np.dtype[Any]
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    decode: Decode

    def touching(self, box: Box) -> Iterator[tuple[int, Box]]:
        """Yield (index within its plane, its box) of each segment that `box` touches."""
        rows, cols = self.shape
        for i, j in product(
            range(box.rows.start // rows, -(-box.rows.stop // rows)),
            range(box.cols.start // cols, -(-box.cols.stop // cols)),
        ):
            yield i * self.across + j, Box(Span(i * rows, (i + 1) * rows), Span(j * cols, (j + 1) * cols))


class TiffSource:
    """A `Source` that reads the first page of a TIFF; samples beyond those of colour and alpha are dropped."""

    def __init__(self, path: Path, page: tifffile.TiffPage) -> None:
        self._path = path
        self._file_lock = Lock()
        self._shape = (page.imagelength, page.imagewidth)
        self._metadata = tiff_header.metadata_of(page)
        self._interpretation = interpretation_of(page)
        self._alpha = tiff_header.alpha_of(page)
        self._segments = _segments_of(page)
        self._cache = SegmentCache(self._decoded, TILES_BYTES if page.is_tiled else STRIPS_BYTES)
        window_bytes = WINDOW_ROWS * page.imagewidth * page.samplesperpixel * self.dtype.itemsize
        self._random_access = page.is_tiled or window_bytes <= STRIPS_BYTES
        self._file = path.open("rb")

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape

    @property
    def colour(self) -> Colour:
        return self._interpretation.colour

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._interpretation.dtype

    @property
    def metadata(self) -> Metadata:
        return self._metadata

    @property
    def has_alpha(self) -> bool:
        return self._alpha is not None

    @property
    def random_access(self) -> bool:
        return self._random_access

    def read(self, box: Box) -> Pixels:
        """Return the (h, w, samples) pixels of `box`. Safe from any thread; raise InputError where damaged."""
        samples = SAMPLES[self.colour] + self.has_alpha
        pixels = np.empty((*box.shape, samples), self.dtype)
        segments = self._segments
        per_plane = segments.down * segments.across
        for index, segment in segments.touching(box):
            part = Box(box.rows.clip(segment.rows), box.cols.clip(segment.cols))
            source, target = part.within(segment).slices, part.within(box).slices
            if segments.planes == 1:
                pixels[target] = self._cache.get(index)[source][..., :samples]
            else:
                for plane in range(samples):
                    pixels[target][..., plane] = self._cache.get(plane * per_plane + index)[source][..., 0]
        return straight(pixels) if self._alpha == "associated" else pixels

    def close(self) -> None:
        self._cache.clear()
        self._file.close()

    def _decoded(self, index: int) -> NDArray[Any]:
        segments = self._segments
        offset, size = segments.offsets[index], segments.sizes[index]
        try:
            with self._file_lock:
                self._file.seek(offset)
                data = self._file.read(size)
            pixels = segments.decode(data, index)
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read: {error.strerror}.", "Check the disk.") from error
        except Exception as error:  # bytes of strangers make decoders raise anything
            raise tiff_header.damaged(self._path, f"the pixels at byte {offset} cannot be decoded") from error
        first = index // (segments.down * segments.across)
        return self._interpretation.convert(self._complete(pixels, index, offset), first)

    def _complete(self, pixels: NDArray[Any], index: int, offset: int) -> NDArray[Any]:
        """Return `pixels` if they are of the kind stated, and all of the picture's; raise InputError if not."""
        segments = self._segments
        i, j = divmod(index % (segments.down * segments.across), segments.across)
        rows, cols = segments.shape
        needed = (min(rows, self._shape[0] - i * rows), min(cols, self._shape[1] - j * cols))
        if pixels.shape[0] < needed[0] or pixels.shape[1] < needed[1]:
            raise tiff_header.damaged(self._path, f"pixels are missing at byte {offset}")
        if pixels.shape[2:] != (segments.samples,) or _number(pixels.dtype) != _number(segments.dtype):
            raise tiff_header.damaged(self._path, f"the pixels at byte {offset} are of another kind than it states")
        return pixels


def open_file(path: Path, max_pixels: int, scratch: Path | None = None) -> Source:
    """Open the TIFF `path`; raise InputError if it is damaged or of a kind that is not read yet.

    A large picture in strips that must be turned, and strips too large to be decoded in one piece, are read by libvips,
    from top to bottom.
    """
    with tiff_header.opened(path) as tiff:
        if len(tiff.pages) and tiff_header.is_raw(tiff):
            return isolated.open_file("tiler.image.read.raw", path, max_pixels, scratch)
        page = tiff_header.first_page(path, tiff)
        metadata, orientation = tiff_header.metadata_of(page), tiff_header.orientation_of(page)
        if exchanges_sides(orientation) and metadata.dpi:
            metadata = replace(metadata, dpi=metadata.dpi[::-1])
        if not _needs_libvips(page):
            source = TiffSource(path, page)
            return source if orientation == 1 else TurnedSource(source, orientation, metadata)
        tiff_header.check_libvips_reads(path, page)
        has_alpha = tiff_header.alpha_of(page) is not None
    from tiler.image.read import vips

    return vips.open_file(path, max_pixels, known=vips.Known(metadata, has_alpha))


def _number(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of samples: single bits are unpacked as truth values by one decoder, as uint8 by another."""
    return np.dtype(np.uint8) if dtype == np.bool_ else dtype


def _needs_libvips(page: tifffile.TiffPage) -> bool:
    huge = not page.is_tiled and not tiff_header.is_plain(page) and _strip_bytes(page) > MOST_STRIP_BYTES
    picture_bytes = page.imagelength * page.imagewidth * page.samplesperpixel * page.bitspersample // 8
    turned = tiff_header.orientation_of(page) != 1
    return huge or (turned and not page.is_tiled and picture_bytes > STRIPS_BYTES)


def _strip_bytes(page: tifffile.TiffPage) -> int:
    samples = page.samplesperpixel if page.planarconfig == tifffile.PLANARCONFIG.CONTIG else 1
    return int(min(page.rowsperstrip, page.imagelength) * page.imagewidth * samples * page.bitspersample // 8)


def _segments_of(page: tifffile.TiffPage) -> _Segments:
    shape, planes = tiff_header.segment_shape(page), tiff_header.planes(page)
    if not page.is_tiled and tiff_header.is_plain(page):
        return _cut_strips(page, shape[0], planes)
    down, across = -(-page.imagelength // shape[0]), -(-page.imagewidth // shape[1])
    decode_page = page.decode
    is_jpeg, is_jpeg_2000 = page.compression == COMPRESSION.JPEG, page.compression == COMPRESSION.JPEG2000
    is_fax_4, reversed_bits = page.compression == COMPRESSION.CCITT_T6, page.fillorder == 2
    is_tiled, page_rows, tables = page.is_tiled, page.imagelength, page.jpegtables
    samples, dtype = 1 if planes > 1 else page.samplesperpixel, np.dtype(page.dtype).newbyteorder("=")
    inflates = is_tiled and is_plainly_deflated(page)

    # The check takes several times as long as the decoder, and a run reads each segment three times and more.
    sound: set[int] = set()

    def check(data: bytes, index: int) -> None:
        if is_jpeg:
            check_jpeg(data, tables)
        elif is_jpeg_2000:
            check_jpeg_2000(data)
        elif is_fax_4:
            rows = min(shape[0], page_rows - index % down * shape[0]) if not is_tiled else shape[0]
            check_fax_4(bytes(bitorder_decode(data)) if reversed_bits else data, rows, shape[1])
        sound.add(index)

    def decode(data: bytes, index: int) -> NDArray[Any]:
        if inflates and (tile := inflated(data, (*shape, samples), dtype, page.predictor != 1)) is not None:
            return tile
        if index not in sound:
            check(data, index)
        try:
            pixels, _, _ = decode_page(data, index, jpegtables=tables)
        except Exception:
            if is_tiled or down == 1 or index % down != down - 1:
                raise
            # The last strip may be as long as the one before, although the picture ends within it.
            pixels, _, _ = decode_page(data, index - 1, jpegtables=tables)
        if pixels is None:
            raise ValueError("no pixels")
        return np.asarray(pixels[0])

    offsets, sizes = tuple(page.dataoffsets), tuple(page.databytecounts)
    return _Segments(shape, down, across, planes, samples, dtype, offsets, sizes, decode)


def _cut_strips(page: tifffile.TiffPage, strip_rows: int, planes: int) -> _Segments:
    """Return uncompressed strips cut into pieces of whole rows, so that even one huge strip can be read in windows."""
    samples = 1 if planes > 1 else page.samplesperpixel
    row_bytes = page.imagewidth * samples * page.bitspersample // 8
    rows = min(strip_rows, max(1, PIECE_BYTES // row_bytes))
    if strip_rows < page.imagelength:
        # More strips follow, so pieces of one height must fill a strip exactly.
        rows = next(r for r in range(rows, 0, -1) if strip_rows % r == 0)
    offsets, sizes = [], []
    for index, strip_offset in enumerate(page.dataoffsets):
        first = index % -(-page.imagelength // strip_rows) * strip_rows
        held = min(strip_rows, page.imagelength - first)
        for row in range(0, held, rows):
            offsets.append(strip_offset + row * row_bytes)
            sizes.append(min(rows, held - row) * row_bytes)
    letter = "f" if page.sampleformat == FLOAT else "u"
    stored = np.dtype(f"{page.parent.byteorder}{letter}{page.bitspersample // 8}")
    dtype, width = stored.newbyteorder("="), page.imagewidth

    def decode(data: bytes, _index: int) -> NDArray[Any]:
        return np.frombuffer(data, stored).reshape(-1, width, samples).astype(dtype, copy=False)

    down = -(-page.imagelength // rows)
    return _Segments((rows, width), down, 1, planes, samples, dtype, tuple(offsets), tuple(sizes), decode)
