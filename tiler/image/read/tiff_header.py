"""The header of a TIFF: whether it can be trusted, whether its kind is read, and its metadata."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tifffile
from tifffile import COMPRESSION, PHOTOMETRIC, PLANARCONFIG

from tiler.errors import InputError
from tiler.image.metadata.parse import dpi_at, exif_of_tiff, iptc_in
from tiler.image.metadata.tags import (
    DNG_VERSION_TAG,
    GEO_TAGS,
    ICC_TAG,
    IPTC_TAG,
    MAKE_TAG,
    ORIENTATION_TAG,
    PHOTOSHOP_TAG,
    SUB_IFDS_TAG,
    XMP_TAG,
)
from tiler.image.read.in_memory import FURTHER, Alpha
from tiler.image.source import Metadata

COMPRESSIONS = (
    COMPRESSION.NONE,
    COMPRESSION.LZW,
    COMPRESSION.DEFLATE,
    COMPRESSION.ADOBE_DEFLATE,
    COMPRESSION.PACKBITS,
    COMPRESSION.ZSTD,
    COMPRESSION.LZMA,
    COMPRESSION.CCITT_T4,
    COMPRESSION.CCITT_T6,
    COMPRESSION.JPEG,
    COMPRESSION.JPEG2000,
    COMPRESSION.JPEGXL,
    COMPRESSION.WEBP,
)
# The samples of each photometric interpretation.
COLOURS: dict[int, int] = {
    PHOTOMETRIC.MINISBLACK: 1,
    PHOTOMETRIC.MINISWHITE: 1,
    PHOTOMETRIC.PALETTE: 1,
    PHOTOMETRIC.RGB: 3,
    PHOTOMETRIC.YCBCR: 3,
    PHOTOMETRIC.SEPARATED: 4,
}
# Kinds of further samples.
ALPHAS: dict[int, Alpha] = {1: "associated", 2: "straight"}
# Bits of a sample by its format, tag 339: 1 is unsigned, 3 is float.
DEPTHS = {1: (1, 2, 4, 8, 10, 12, 14, 16, 32), 3: (16, 32, 64)}

# Not zstd: the libvips that is installed reads a zstd segment as zeros, without an error.
LIBVIPS_READS = (
    COMPRESSION.NONE,
    COMPRESSION.LZW,
    COMPRESSION.DEFLATE,
    COMPRESSION.ADOBE_DEFLATE,
    COMPRESSION.PACKBITS,
)
LIBVIPS_COLOURS = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.RGB)

# A tile that decodes to more bytes is a mistake or an attack.
MOST_TILE_BYTES = 256 * 2**20

# What tifffile has been seen to raise on damaged headers.
PARSE_ERRORS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, MemoryError)


def damaged(path: Path, what: str) -> InputError:
    """Return the error for a TIFF that cannot be trusted."""
    return InputError(f"{path}: the TIFF is damaged or cut short: {what}.", "Copy it again from where it came from.")


@contextmanager
def opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Give `path` opened by tifffile; raise an error of the file, or of tifffile in the block, as InputError."""
    try:
        with tifffile.TiffFile(path) as tiff:
            yield tiff
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.", "Check the disk.") from error
    except (*PARSE_ERRORS, struct.error) as error:
        raise damaged(path, f"its header makes no sense ({error})") from error


def first_page(path: Path, tiff: tifffile.TiffFile) -> tifffile.TiffPage:
    """Return the first page after checking that its kind is read and that all its segments lie in the file.

    Raises InputError if not.
    """
    if not len(tiff.pages):
        raise damaged(path, "it holds no picture")
    page = tiff.pages.first
    _check_kind(path, page)
    _check_segments(path, page, tiff.filehandle.size)
    return page


def is_raw(tiff: tifffile.TiffFile) -> bool:
    """Return whether this is a camera raw file: a DNG, CR2, IIQ, or a camera's preview with more pictures inside."""
    page = tiff.pages.first
    tiff.filehandle.seek(8)
    behind = tiff.filehandle.read(8)
    camera = page.is_reduced and MAKE_TAG in page.tags and SUB_IFDS_TAG in page.tags
    is_iiq = behind[:4] in (b"IIII", b"MMMM") and (b"waR" in behind[4:] or b"Raw" in behind[4:])
    return DNG_VERSION_TAG in page.tags or camera or behind[:2] == b"CR" or is_iiq


def metadata_of(page: tifffile.TiffPage) -> Metadata:
    """Return the metadata of the page, with notes on how the file was understood."""
    tiff = page.parent
    icc, xmp = (_raw_bytes(page, tag) for tag in (ICC_TAG, XMP_TAG))
    dpi = dpi_at(tiff.filehandle, tiff.byteorder, page.offset, big=tiff.is_bigtiff)
    exif = exif_of_tiff(tiff.filehandle, tiff.byteorder, page.offset, big=tiff.is_bigtiff)
    iptc = _raw_bytes(page, IPTC_TAG) or iptc_in(_raw_bytes(page, PHOTOSHOP_TAG))
    return Metadata(icc, dpi, exif, xmp, iptc, tuple(_notes(page)))


def alpha_of(page: tifffile.TiffPage) -> Alpha:
    """Return what the sample after those of the colour is (TIFF 6.0, tag 338); None if no alpha."""
    kinds = page.extrasamples
    return ALPHAS.get(int(kinds[0])) if kinds else None


def _notes(page: tifffile.TiffPage) -> Iterator[str]:
    pages = sum(
        not getattr(other, "is_reduced", False)
        for other in (page.parent.pages[index] for index in range(len(page.parent.pages)))
    )
    if pages > 1:
        yield f"The first of {pages} pages is read."
    if page.bitspersample == 32 and page.sampleformat == 1:
        yield "Its 32 bits are read as the upper 16."
    if page.bitspersample == 64:
        yield "Its 64 bit floats are read as 32 bit."
    if orientation_of(page) != 1 and any(code in page.tags for code in GEO_TAGS):
        yield "Its place on the Earth (GeoTIFF) is that of the picture before it was turned; it is left out."
    if page.samplesperpixel > COLOURS[page.photometric] + (alpha_of(page) is not None):
        yield FURTHER


def _raw_bytes(page: tifffile.TiffPage, code: int) -> bytes | None:
    """Return the bytes of a tag as they lie in the file, whatever type the tag has; None if there are none."""
    tag = page.tags.get(code)
    if tag is None:
        return None
    file = page.parent.filehandle
    file.seek(tag.valueoffset)
    return bytes(file.read(tag.valuebytecount)) or None


def orientation_of(page: tifffile.TiffPage) -> int:
    """Return the orientation of the page, 1 (upright) to 8 (TIFF 6.0, tag 274)."""
    value = page.tags.valueof(ORIENTATION_TAG, 1)
    return int(value) if value in range(1, 9) else 1


def planes(page: tifffile.TiffPage) -> int:
    """Return the number of planes: 1 if the samples of a pixel lie together, else one per sample."""
    return int(page.samplesperpixel) if page.planarconfig == PLANARCONFIG.SEPARATE else 1


def segment_shape(page: tifffile.TiffPage) -> tuple[int, int]:
    """Return (rows, cols) of a tile or a strip, in pixels."""
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return min(page.rowsperstrip, page.imagelength), page.imagewidth


def is_plain(page: tifffile.TiffPage) -> bool:
    """Return whether a segment is uncompressed: its bytes are its samples."""
    whole_bytes = page.bitspersample in (8, 16, 32, 64)
    return bool(page.compression == COMPRESSION.NONE and page.predictor == 1 and page.fillorder == 1 and whole_bytes)


def check_libvips_reads(path: Path, page: tifffile.TiffPage) -> None:
    """Raise InputError unless libvips can read the page."""
    usual = page.photometric in LIBVIPS_COLOURS and page.sampleformat == 1 and page.bitspersample in (8, 16)
    if not usual:
        raise not_read_yet(path, "turned or in huge strips, and of an unusual colour or depth")
    if page.compression not in LIBVIPS_READS:
        raise not_read_yet(path, f"turned or in huge strips, and {_name(page.compression)} compressed")


def not_read_yet(path: Path, kind: str) -> InputError:
    """Return the error for a sound TIFF whose kind is not read."""
    return InputError(
        f"{path}: this TIFF is {kind}, which is not read yet.",
        "Save it as 8 or 16 bit RGB, grey or CMYK, tiled, with LZW, deflate or zstd compression.",
    )


def _check_kind(path: Path, page: tifffile.TiffPage) -> None:
    if page.is_reduced:
        raise not_read_yet(path, "a file that begins with a preview")
    if page.photometric not in COLOURS:
        raise not_read_yet(path, f"{_name(page.photometric)} in colour")
    if page.photometric == PHOTOMETRIC.YCBCR and page.compression != COMPRESSION.JPEG:
        raise not_read_yet(path, f"YCBCR in colour and {_name(page.compression)} compressed")
    if page.photometric == PHOTOMETRIC.PALETTE and (
        page.colormap is None or page.bitspersample not in (1, 2, 4, 8, 16)
    ):
        raise damaged(path, "its palette is missing")
    if page.bitspersample not in DEPTHS.get(page.sampleformat, ()):
        kind = {2: "signed", 3: "float"}.get(page.sampleformat, "unsigned")
        raise not_read_yet(path, f"{page.bitspersample} bit {kind}")
    if page.compression not in COMPRESSIONS:
        raise not_read_yet(path, f"{_name(page.compression)} compressed")
    if page.imagedepth != 1:
        raise not_read_yet(path, "a volume")


def _check_segments(path: Path, page: tifffile.TiffPage, file_bytes: int) -> None:
    if min(page.imagelength, page.imagewidth) < 1:
        raise damaged(path, "it has no pixels")
    if page.samplesperpixel < COLOURS[page.photometric]:
        raise damaged(path, "colours are missing")
    rows, cols = segment_shape(page)
    if rows < 1 or cols < 1:
        raise damaged(path, "its tiles have no size")
    if page.is_tiled and rows * cols * page.samplesperpixel * page.bitspersample // 8 > MOST_TILE_BYTES:
        raise not_read_yet(path, f"in tiles of {cols} x {rows} px")
    needed = -(-page.imagelength // rows) * -(-page.imagewidth // cols) * planes(page)
    if len(page.dataoffsets) < needed or len(page.databytecounts) < needed:
        raise damaged(path, "it lists too few tiles or strips")
    for offset, size in zip(page.dataoffsets[:needed], page.databytecounts[:needed], strict=True):
        if offset <= 0 or size <= 0:
            raise damaged(path, "a tile or strip was never written")
        if offset + size > file_bytes:
            raise damaged(path, f"it ends at byte {file_bytes}, pixels are expected up to {offset + size}")
    if is_plain(page):
        # Segments without compression must be as long as their pixels; the last strip may be short.
        held = sum(page.databytecounts[:needed])
        least = page.imagelength * page.imagewidth * page.samplesperpixel * page.bitspersample // 8
        if held < least:
            raise damaged(path, f"{least} bytes of pixels are expected, and {held} listed")


def _name(code: Any) -> str:
    return getattr(code, "name", f"number {code}")
