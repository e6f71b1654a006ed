"""A small file of every kind that is read, and the samples that it holds."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from tests.image.pictures import SRGB, png16

SHAPE = 96, 128


def picture(shape: tuple[int, int], dtype: Any = np.uint8) -> np.ndarray:
    """Return a (h, w, 3) picture of smooth waves, full range."""
    rows, cols = (np.arange(n, dtype=np.float32) for n in shape)
    rows = rows[:, None]
    waves = [np.sin(cols / 19) * np.cos(rows / 23), np.sin(rows / 17) + 0 * cols, np.cos((cols + rows) / 29)]
    unit = np.dstack(waves) * np.float32(0.5) + np.float32(0.5)
    return (unit * np.float32(np.iinfo(dtype).max)).astype(dtype) if np.dtype(dtype).kind == "u" else unit.astype(dtype)


EXIF = Image.Exif()
EXIF[271], EXIF[315] = "Maker", "Ann"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


@dataclass(frozen=True)
class Kind:
    """A variant of a format: how a file of it is written, and the samples that it holds.

    off: by how much samples may be off, mean and worst, as parts of the full range; zeros for lossless formats.
    extra: an optional module that reads it.
    """

    name: str
    write: Callable[[Path], Any]
    truth: np.ndarray
    off: tuple[float, float] = (0, 0)
    extra: str | None = None


def tiff(pixels: np.ndarray, **more: Any) -> Callable[[Path], Any]:
    options = {"photometric": "rgb" if pixels.ndim == 3 else "minisblack", "metadata": None, "iccprofile": SRGB}
    return lambda path: tifffile.imwrite(path, pixels, **(options | more))


def pillow(pixels: np.ndarray, form: str, **more: Any) -> Callable[[Path], Any]:
    return lambda path: Image.fromarray(pixels).save(path, form, **({"icc_profile": SRGB, "exif": EXIF} | more))


def turned(pixels: np.ndarray, orientation: int) -> Callable[[Path], Any]:
    """Write a JPEG that lies in `orientation` and is `pixels` when upright."""
    stored = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    # What undoes each orientation: rows, columns or both in reverse order (Exif 2.32, tag 274).
    if orientation in (3, 4, 6, 7):
        stored = stored[::-1]
    if orientation in (2, 3, 7, 8):
        stored = stored[:, ::-1]
    block = Image.Exif()
    block[274] = orientation
    return pillow(np.ascontiguousarray(stored), "JPEG", quality=97, subsampling=0, exif=block)


def palette(pixels: np.ndarray, form: str) -> tuple[Callable[[Path], Any], np.ndarray]:
    indexed = Image.fromarray(pixels).quantize(64)
    return lambda path: indexed.save(path, form), np.asarray(indexed.convert("RGB"))


def cmyk_jpeg(inks: np.ndarray) -> Callable[[Path], Any]:
    # Programs of Adobe store inks inverted, and so does Pillow.
    return lambda path: Image.fromarray(inks, "CMYK").save(path, "JPEG", quality=97, subsampling=0)


def psd(pixels: np.ndarray, mode: int, *, packed: bool = False) -> Callable[[Path], Any]:
    """Write a flattened PSD (Adobe Photoshop File Formats Specification); mode 1 is grey, 3 RGB, 4 CMYK."""

    def write(path: Path) -> None:
        height, width, samples = pixels.shape
        stored = np.invert(pixels) if mode == 4 else pixels
        planes = np.ascontiguousarray(np.moveaxis(stored, 2, 0)).astype(stored.dtype.newbyteorder(">"))
        resources = b"".join(
            b"8BIM" + struct.pack(">HxxI", number, len(data)) + data + bytes(len(data) % 2)
            for number, data in ((1039, SRGB if mode == 3 else b""), (1058, EXIF.tobytes()[6:]), (1060, XMP))
            if data
        )
        if packed:
            rows = [imagecodecs.packbits_encode(row.tobytes()) for plane in planes for row in plane]
            data = b"\0\1" + struct.pack(f">{len(rows)}H", *map(len, rows)) + b"".join(rows)
        else:
            data = b"\0\0" + planes.tobytes()
        head = b"8BPS" + struct.pack(">H6xHIIHH", 1, samples, height, width, 8 * pixels.itemsize, mode)
        path.write_bytes(head + bytes(4) + struct.pack(">I", len(resources)) + resources + bytes(4) + data)

    return write


def exr(pixels: np.ndarray) -> Callable[[Path], Any]:
    def write(path: Path) -> None:
        import OpenEXR

        channels = {name: np.ascontiguousarray(pixels[..., i]) for i, name in enumerate("RGB")}
        with OpenEXR.File({"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}, channels) as file:
            file.write(str(path))

    return write


def heic(pixels: np.ndarray) -> Callable[[Path], Any]:
    def write(path: Path) -> None:
        import pillow_heif

        heif = pillow_heif.from_bytes("RGB", pixels.shape[1::-1], pixels.tobytes())
        heif.info["icc_profile"] = SRGB
        heif.save(path, quality=-1, chroma=444, matrix_coefficients=0, exif=EXIF.tobytes(), format="HEIF")

    return write


def jxl(pixels: np.ndarray) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(imagecodecs.jpegxl_encode(pixels, lossless=True))


def jp2(pixels: np.ndarray, form: str = "jp2") -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat=form))


PATCHES = np.array([[0.8, 0.2, 0.2], [0.2, 0.7, 0.2], [0.2, 0.2, 1.0], [0.5, 0.5, 0.5]])
# CIE XYZ to linear sRGB (IEC 61966-2-1): a camera whose colours are those of sRGB.
XYZ_TO_SRGB = [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]


def dng(patch_px: int, *more: tuple[Any, ...]) -> Callable[[Path], Any]:
    """Write patches of colour as a camera with an RGGB filter and the primaries of sRGB records them; more: tags."""
    light = np.repeat(np.repeat(PATCHES.reshape(2, 2, 3), patch_px, 0), patch_px, 1)
    raw = np.empty(light.shape[:2], np.uint16)
    for row, col, sample in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        raw[row::2, col::2] = np.rint(light[row::2, col::2, sample] * 65535)
    matrix = [n for row in XYZ_TO_SRGB for value in row for n in (round(value * 10000), 10000)]
    tags = [
        (271, 2, 0, "Maker", True),
        (272, 2, 0, "M 1", True),
        (50706, 1, 4, (1, 4, 0, 0), True),
        (50708, 2, 0, "Maker M 1", True),
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, (0, 1, 1, 2), True),
        (50714, 3, 1, 0, True),
        (50717, 3, 1, 65535, True),
        (50721, 10, 9, tuple(matrix), True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
        (50778, 3, 1, 21, True),
        *more,
    ]
    return lambda path: tifffile.imwrite(path, raw, photometric=32803, metadata=None, extratags=tags, subfiletype=0)


def developed(patch_px: int) -> np.ndarray:
    curved = np.where(PATCHES <= 0.0031308, 12.92 * PATCHES, 1.055 * PATCHES ** (1 / 2.4) - 0.055)
    sixteen = np.rint(curved * 65535).astype(np.uint16)
    return np.repeat(np.repeat(sixteen.reshape(2, 2, 3), patch_px, 0), patch_px, 1)


def pages(pixels: np.ndarray) -> Callable[[Path], Any]:
    def write(path: Path) -> None:
        with tifffile.TiffWriter(path) as file:
            file.write(pixels, photometric="rgb", metadata=None)
            file.write(pixels[::-1], photometric="rgb", metadata=None)

    return write


def with_overviews(pixels: np.ndarray) -> Callable[[Path], Any]:
    def write(path: Path) -> None:
        with tifffile.TiffWriter(path) as file:
            file.write(pixels, photometric="rgb", tile=(32, 32), subifds=1, metadata=None)
            file.write(pixels[::2, ::2], photometric="rgb", tile=(32, 32), subfiletype=1, metadata=None)

    return write


def interlaced(pixels: np.ndarray) -> Callable[[Path], Any]:
    import pyvips

    return lambda path: pyvips.Image.new_from_array(pixels).pngsave(str(path), interlace=True)


LOSSY = (0.02, 0.12)


def kinds(shape: tuple[int, int] = SHAPE) -> Iterator[Kind]:
    """Yield every kind as a picture of `shape`; in the DNG, which is square, a patch is half of the shorter side."""
    yield from tiff_kinds(shape)
    yield from kinds_of_other_formats(shape)


def tiff_kinds(shape: tuple[int, int]) -> Iterator[Kind]:
    rgb, rgb16 = picture(shape), picture(shape, np.uint16)
    light, half = picture(shape, np.float32), picture(shape, np.float16)
    grey, inks = rgb[..., :1], np.dstack([rgb, rgb[::-1, :, 0]])
    bits = grey[..., 0] > 127
    black_white = bits[..., None] * np.uint8(255)
    inks16 = inks.astype(np.uint16) * 257
    grey_options = {"iccprofile": None}
    inverted = {"photometric": "miniswhite", "iccprofile": None}
    separated = {"photometric": "separated", "iccprofile": None}
    as_jpeg = {"tile": (32, 32), "compression": "jpeg", "compressionargs": {"level": 97}}
    yield from (
        Kind("TIFF, tiled, deflate", tiff(rgb, tile=(32, 48), compression="zlib", predictor=True), rgb),
        Kind("TIFF, strips, LZW", tiff(rgb, rowsperstrip=7, compression="lzw", predictor=True), rgb),
        Kind("TIFF, one strip, plain", tiff(rgb), rgb),
        Kind("TIFF, one strip, deflate", tiff(rgb, rowsperstrip=96, compression="zlib"), rgb),
        Kind("TIFF, zstd", tiff(rgb, tile=(32, 32), compression="zstd"), rgb),
        Kind("TIFF, packbits", tiff(rgb, compression="packbits"), rgb),
        Kind("TIFF, planes apart", tiff(np.moveaxis(rgb, 2, 0), planarconfig="separate", tile=(32, 32)), rgb),
        Kind("TIFF, 16 bit, big-endian", tiff(rgb16, byteorder=">"), rgb16),
        Kind("BigTIFF, 16 bit", tiff(rgb16, bigtiff=True, tile=(64, 64), compression="lzw"), rgb16),
        Kind("TIFF, grey", tiff(grey[..., 0], **grey_options), grey),
        Kind("TIFF, grey, white is 0", tiff(np.invert(grey[..., 0]), **inverted), grey),
        Kind("TIFF, grey 16 bit, white is 0", tiff(np.invert(rgb16[..., 0]), **inverted), rgb16[..., :1]),
        Kind("TIFF, 1 bit", tiff(bits, **grey_options), black_white),
        Kind("TIFF, 1 bit, white is 0", tiff(~bits, **inverted), black_white),
        Kind("TIFF, palette", *palette(rgb, "TIFF")),
        Kind("TIFF, 32 bit integers", tiff(rgb16.astype(np.uint32) << 16), rgb16),
        Kind("TIFF, float", tiff(light, compression="zlib", predictor=True), light),
        Kind("TIFF, half float", tiff(half), half.astype(np.float32)),
        Kind("TIFF, CMYK", tiff(inks, **separated), inks),
        Kind("TIFF, CMYK, 16 bit", tiff(inks16, **separated), inks16),
        Kind("TIFF, JPEG, YCbCr", tiff(rgb, **as_jpeg), rgb, LOSSY),
        Kind("TIFF, JPEG 2000", tiff(rgb, tile=(32, 32), compression="jpeg2000"), rgb),
        Kind("TIFF, two pages", pages(rgb), rgb),
        Kind("TIFF, smaller sizes inside", with_overviews(rgb), rgb),
    )


def kinds_of_other_formats(shape: tuple[int, int]) -> Iterator[Kind]:
    rgb, rgb16 = picture(shape), picture(shape, np.uint16)
    light, half = picture(shape, np.float32), picture(shape, np.float16)
    grey, inks = rgb[..., :1], np.dstack([rgb, rgb[::-1, :, 0]])
    yield from (
        Kind("PNG", pillow(rgb, "PNG"), rgb),
        Kind("PNG, 16 bit", lambda path: png16(path, rgb16), rgb16),
        Kind("PNG, interlaced", interlaced(rgb), rgb),
        Kind("PNG, grey", pillow(grey[..., 0], "PNG", icc_profile=None), grey),
        Kind("PNG, palette", *palette(rgb, "PNG")),
        Kind("JPEG", pillow(rgb, "JPEG", quality=97, subsampling=0), rgb, LOSSY),
        Kind("JPEG, progressive", pillow(rgb, "JPEG", quality=97, subsampling=0, progressive=True), rgb, LOSSY),
        Kind("JPEG, grey", pillow(grey[..., 0], "JPEG", quality=97, icc_profile=None), grey, LOSSY),
        Kind("JPEG, CMYK", cmyk_jpeg(inks), inks, LOSSY),
        *(Kind(f"JPEG, orientation {n}", turned(rgb, n), rgb, LOSSY) for n in range(2, 9)),
        Kind("WebP, lossless", pillow(rgb, "WEBP", lossless=True), rgb),
        Kind("WebP, lossy", pillow(rgb, "WEBP", quality=95), rgb, LOSSY),
        Kind("AVIF", pillow(rgb, "AVIF", quality=95, subsampling="4:4:4"), rgb, LOSSY),
        Kind("HEIC", heic(rgb), rgb, (0.004, 0.012), "pillow_heif"),
        Kind("JPEG XL", jxl(rgb), rgb),
        Kind("JPEG XL, 16 bit", jxl(rgb16), rgb16),
        Kind("JPEG 2000", jp2(rgb), rgb),
        Kind("JPEG 2000, 16 bit, bare", jp2(rgb16, "j2k"), rgb16),
        Kind("PSD", psd(rgb, 3), rgb),
        Kind("PSD, packed, 16 bit", psd(rgb16, 3, packed=True), rgb16),
        Kind("PSD, CMYK", psd(inks, 4), inks),
        Kind("OpenEXR, half", exr(half), half.astype(np.float32), extra="OpenEXR"),
        Kind("OpenEXR, float", exr(light), light, extra="OpenEXR"),
        Kind("DNG", dng(min(shape) // 2), developed(min(shape) // 2), (0.01, 1), "rawpy"),
    )
