"""Colour: samples of any meaning as sRGB, which is what a network is given."""

from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tiler.image.source import Colour, Pixels

# The bytes of an ICC profile that name the colour space of its samples, and the names (ICC.1, 7.2.6).
PROFILE_SPACE = slice(16, 20)
PROFILE_COLOURS: dict[bytes, Colour] = {b"RGB ": "rgb", b"GRAY": "grey", b"CMYK": "cmyk"}


def to_network(pixels: Pixels, colour: Colour = "rgb", icc: bytes | None = None) -> NDArray[np.float32]:
    """Return pixels as float32 in 0..255, sRGB; RGB in its own shape, grey and CMYK as (h, w, 3).

    pixels: uint8 or uint16, full range; or float32 in linear light with 1 = white, which is cut to 0..1 and given the
    curve of sRGB; NaN becomes black. icc: the colour profile; it converts CMYK if it is a CMYK profile. Without one,
    each ink takes its share of the light.
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
    """Return (h, w, samples) pixels as (h, w, 3) sRGB: uint8 if they are uint8, else uint16."""
    if pixels.dtype != np.float32 and colour != "cmyk":
        return np.broadcast_to(pixels, (*pixels.shape[:2], 3)) if colour == "grey" else pixels
    srgb = to_network(pixels, colour, icc)
    if pixels.dtype == np.uint8:
        return np.asarray(np.rint(srgb).astype(np.uint8))
    return np.asarray(np.rint(srgb * np.float32(257)).astype(np.uint16))


def profile_colour(icc: bytes) -> Colour | None:
    """Return the colour whose samples an ICC profile describes; None if it describes others."""
    return PROFILE_COLOURS.get(icc[PROFILE_SPACE])


def _srgb_curve(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return linear light in 0..1 as 0..255 on the curve of sRGB (IEC 61966-2-1)."""
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    scaled: NDArray[np.float32] = (curved * 255).astype(np.float32)
    return scaled


def _from_cmyk(pixels: Pixels, icc: bytes | None) -> NDArray[np.float32]:
    transform = _cmyk_transform(icc) if icc else None
    if transform is not None and pixels.dtype == np.uint8:
        inks = Image.fromarray(np.ascontiguousarray(pixels), "CMYK")
        return np.asarray(transform.apply(inks), np.float32)
    if transform is not None and pixels.dtype == np.uint16:
        # The colour engine is given 8 bits, which is ample for what a network sees.
        return _from_cmyk(((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8), icc)
    full = np.float32(1 if pixels.dtype == np.float32 else 255 if pixels.dtype == np.uint8 else 65535)
    light = 1 - np.clip(np.nan_to_num(pixels.astype(np.float32) / full), 0, 1)
    return np.asarray(light[..., :3] * light[..., 3:] * np.float32(255))


@lru_cache(maxsize=4)
def _cmyk_transform(icc: bytes) -> Any:
    """Return Pillow's transform from the profile to sRGB; None if it is not a sound CMYK profile."""
    if profile_colour(icc) != "cmyk":
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        return ImageCms.buildTransform(
            profile, ImageCms.createProfile("sRGB"), "CMYK", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC
        )
    except (ImageCms.PyCMSError, OSError):
        return None
