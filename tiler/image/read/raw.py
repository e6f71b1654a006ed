"""Camera raw files in: developed with the camera's white balance to 16 bit sRGB."""

from pathlib import Path
from typing import Any

from PIL import ImageCms

from tiler.errors import InputError
from tiler.image.metadata.ifd import entries
from tiler.image.metadata.parse import exif_of_tiff
from tiler.image.metadata.tags import XMP_TAG
from tiler.image.read.in_memory import check_size, decoded, in_memory, library
from tiler.image.source import Metadata, Source

# The curve of sRGB (IEC 61966-2-1) as LibRaw takes it: the power, and the slope near black.
SRGB_CURVE = (2.4, 12.92)
# The orientation (Exif 2.32, tag 274) for each turn of LibRaw, which LibRaw undoes.
ORIENTATIONS = {3: 3, 5: 8, 6: 6}
SIDEWAYS = (5, 6)


def open_file(path: Path, max_pixels: int) -> Source:
    """Open the raw file `path`; raise InputError if it is damaged, or its reader is not installed."""
    rawpy: Any = library(path, "rawpy", "raw", "camera's raw file")
    try:
        return decoded(path, "raw file", lambda: _read(path, rawpy, max_pixels))
    except rawpy.LibRawError as error:
        raise InputError(
            f"{path}: this raw file cannot be developed ({error}).", "Develop it to a 16 bit TIFF."
        ) from error


def _read(path: Path, rawpy: Any, max_pixels: int) -> Source:
    with rawpy.imread(str(path)) as raw:
        flip = raw.sizes.flip
        shape = (raw.sizes.height, raw.sizes.width)
        check_size(path, shape, max_pixels, 3 * 8, "a raw file")
        pixels = raw.postprocess(use_camera_wb=True, output_bps=16, no_auto_bright=True, gamma=SRGB_CURVE)
    with path.open("rb") as file:
        start = file.read(8)
        order = {b"II": "<", b"MM": ">"}.get(start[:2])
        offset = int.from_bytes(start[4:8], "little" if order == "<" else "big")
        exif = exif_of_tiff(file, order, offset) if order else None
        has_xmp = bool(order) and any(code == XMP_TAG for code, *_ in entries(file, order or "<", offset))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    notes: tuple[str, ...] = ("Developed with the camera's white balance to 16 bit sRGB.",)
    if has_xmp:
        # It holds the settings of another developer, which would be applied again to the output.
        notes += ("Its XMP is not read, and not in the output.",)
    shape = shape[::-1] if flip in SIDEWAYS else shape
    return in_memory(pixels, shape, Metadata(srgb, None, exif, None, None, notes), undone=ORIENTATIONS.get(flip, 1))
