"""The picture as a network sees it: sRGB, whatever its samples mean."""

from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tiler.image.source import Colour, Pixels

# The bytes of an ICC profile that say what its samples are (ICC.1, 7.2.6).
SPACE = slice(16, 20)


def to_network(pixels: Pixels, colour: Colour = "rgb", icc: bytes | None = None) -> NDArray[np.float32]:
    """Return pixels as float32 in 0..255: those of RGB in their own shape, of grey and CMYK with three samples.

    pixels: uint8 or uint16, full range; float32 is linear light, 1 is white: it is cut to 0..1 and given the sRGB
    curve, what is no number is black. icc: the profile through which CMYK is seen, if it is one of CMYK; else each ink
    takes its share of the light.
    """
    if colour == "cmyk":
        return _from_cmyk(pixels, icc)
    if pixels.dtype == np.float32:
        srgb: NDArray[np.float32] = _srgb_curve(np.clip(np.nan_to_num(pixels, nan=0.0, posinf=1.0, neginf=0.0), 0, 1))
    else:
        srgb = pixels.astype(np.float32)
        if pixels.dtype != np.uint8:
            srgb /= np.float32(257)
    if colour == "grey":
        return np.repeat(srgb, 3, axis=-1)
    return srgb


def to_srgb(pixels: Pixels, colour: Colour, icc: bytes | None) -> NDArray[Any]:
    """Return (h, w, samples) pixels as (h, w, 3) RGB: uint8 if they are, else uint16."""
    if pixels.dtype != np.float32 and colour != "cmyk":
        return np.broadcast_to(pixels, (*pixels.shape[:2], 3)) if colour == "grey" else pixels
    srgb = to_network(pixels, colour, icc)
    if pixels.dtype == np.uint8:
        return np.asarray(np.rint(srgb).astype(np.uint8))
    return np.asarray(np.rint(srgb * np.float32(257)).astype(np.uint16))


def _srgb_curve(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return linear light in 0..1 as 0..255 on the curve of IEC 61966-2-1."""
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    scaled: NDArray[np.float32] = (curved * 255).astype(np.float32)
    return scaled


def _from_cmyk(pixels: Pixels, icc: bytes | None) -> NDArray[np.float32]:
    transform = _cmyk_transform(icc) if icc else None
    if transform is not None and pixels.dtype == np.uint8:
        inks = Image.fromarray(np.ascontiguousarray(pixels), "CMYK")
        return np.asarray(transform.apply(inks), np.float32)
    if transform is not None and pixels.dtype == np.uint16:
        # The colour engine is given 8 bits: ample for srgb.
        return _from_cmyk(((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8), icc)
    white = np.float32(1 if pixels.dtype == np.float32 else 255 if pixels.dtype == np.uint8 else 65535)
    paper = 1 - np.clip(np.nan_to_num(pixels.astype(np.float32) / white), 0, 1)
    return np.asarray(paper[..., :3] * paper[..., 3:] * np.float32(255))


@lru_cache(maxsize=4)
def _cmyk_transform(icc: bytes) -> Any:
    """Return Pillow's transform from the profile to sRGB, None if it is no sound profile of CMYK."""
    if icc[SPACE] != b"CMYK":
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        return ImageCms.buildTransform(
            profile, ImageCms.createProfile("sRGB"), "CMYK", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC
        )
    except (ImageCms.PyCMSError, OSError):
        return None
