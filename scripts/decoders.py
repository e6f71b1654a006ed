"""Pictures as other decoders than tiler's read them, at 8 bits, and how two readings differ."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tiler.image.open import format_of
from tiler.image.source import BAND_ROWS

with suppress(ImportError):
    import pillow_jxl  # noqa: F401  (Pillow then reads JPEG XL)

FEW = 0.001  # of the samples may be far from the other decoder's: decoders of lossy formats round differently
FAR, NEAR_MEAN = 16, 1.5  # of 255
Samples = NDArray[np.uint8]


def by_pillow(path: Path) -> Samples | None:
    """Return the first frame at 8 bits, its alpha last if it has one; None for what Pillow turns into other values."""
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture)
        if upright.mode in ("LAB", "HSV", "I"):
            return None
        by_name = upright.mode in ("1", "L", "RGB") and "transparency" in upright.info
        if by_name or upright.mode in ("P", "PA", "La", "RGBa", "YCbCr", "RGBX"):
            upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
        return eight_bits(np.asarray(upright.convert("L") if upright.mode == "1" else upright))


def by_vips(path: Path) -> Samples | None:
    """Return the picture at 8 bits by libvips; None for the kinds that tiler itself reads with it."""
    if format_of(path).reader.endswith("vips"):
        return None
    picture = pyvips.Image.new_from_file(str(path), access="sequential", fail_on="error").autorot()
    if picture.interpretation in ("lab", "labs", "xyz", "complex") or picture.format in ("char", "short", "int"):
        return None
    if picture.hasalpha():  # it does not say whether the colours are multiplied by it
        return None
    return eight_bits(picture.numpy())


def eight_bits(pixels: NDArray[Any]) -> Samples:
    """Return (h, w, samples) numbers 0..255; floats are taken for 0..1, as they are."""
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    if pixels.dtype == np.uint8:
        return pixels
    white = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    with np.errstate(all="ignore"):
        return np.rint(np.nan_to_num(np.clip(pixels / np.float32(white), 0, 1)) * 255).astype(np.uint8)


def difference(pixels: Samples, other: Samples) -> str:
    """Return how the colours of two pictures differ, or nothing."""
    (height, width, samples), (other_height, other_width, others) = pixels.shape, other.shape
    if (height, width) != (other_height, other_width):
        return f"{other_width} x {other_height} px, here {width} x {height}"
    has_alpha = others in (2, 4) and others != samples
    if 1 not in (samples, others - has_alpha) and samples != others - has_alpha:
        return f"{others} samples, here {samples}"
    apart, far = 0.0, 0.0
    for top in range(0, height, BAND_ROWS):
        mine, its = (rows[top : top + BAND_ROWS].astype(np.float32) for rows in (pixels, other))
        weight = its[..., -1:] / 255 if has_alpha else 1
        band = np.abs(mine - its[..., : others - has_alpha]) * weight
        apart, far = apart + band.mean() * len(band) / height, far + (band > FAR).mean() * len(band) / height
    if apart <= NEAR_MEAN and far <= FEW:
        return ""
    return f"{apart:.1f} of 255 apart, {far:.1%} of the samples by more than {FAR}"
