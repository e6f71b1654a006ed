"""HEIC, read by pillow-heif, and AVIF, read by Pillow and imagecodecs."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tiler.image.depth import full_range
from tiler.image.metadata.parse import dpi_in, orientation_in, upright_exif
from tiler.image.read.in_memory import Alpha, check_size, decoded, in_memory, library
from tiler.image.source import Metadata, Source


def open_file(path: Path, max_pixels: int) -> Source:
    """Open the HEIC or AVIF file `path`; raise InputError if it is damaged, or its reader is not installed."""
    with path.open("rb") as file:
        start = file.read(64)
    is_avif = b"avif" in start or b"avis" in start
    return decoded(path, "AVIF" if is_avif else "HEIC", lambda: (_avif if is_avif else _heic)(path, max_pixels))


def _heic(path: Path, max_pixels: int) -> Source:
    heif: Any = library(path, "pillow_heif", "heif", "HEIC picture")
    # The size comes from the header; nothing is decoded until the pixels are asked for.
    image = heif.open_heif(path, convert_hdr_to_8bit=False)
    width, height = image.size
    check_size(path, (height, width), max_pixels, 3 * 6, "a HEIC picture")
    pixels = np.asarray(image).reshape(height, width, -1)
    alpha: Alpha = None
    if image.has_alpha:
        alpha = "associated" if image.premultiplied_alpha else "straight"
    notes = () if len(image) == 1 else (f"The first of {len(image)} pictures is read.",)
    info = image.info
    exif = info.get("exif")
    metadata = Metadata(info.get("icc_profile"), dpi_in(exif), upright_exif(exif), info.get("xmp") or None, None, notes)
    # libheif has turned the picture upright, so the orientation in its Exif is undone already.
    return in_memory(pixels, (height, width), metadata, undone=orientation_in(exif), alpha=alpha)


def _avif(path: Path, max_pixels: int) -> Source:
    import imagecodecs

    with Image.open(path) as image:
        width, height = image.size
        info, exif = dict(image.info), image.info.get("exif")
        frames = getattr(image, "n_frames", 1)
    check_size(path, (height, width), max_pixels, 3 * 6, "an AVIF picture")
    data = path.read_bytes()
    if frames > 1:
        pixels, alpha = _first_frame(path)
    else:
        pixels = imagecodecs.avif_decode(data)
        alpha = "straight" if pixels.ndim == 3 and pixels.shape[2] in (2, 4) else None
    if pixels.dtype == np.uint16:
        # Samples of 10 and 12 bits are not spread to 16; the box "pixi" holds version, count, and bits of each.
        at = data.find(b"pixi")
        pixels = full_range(pixels, data[at + 9] if at >= 0 and data[at + 9] in (10, 12, 16) else 10)
    notes = () if frames == 1 else (f"The first of {frames} pictures is read, with 8 bits.",)
    metadata = Metadata(info.get("icc_profile"), dpi_in(exif), upright_exif(exif), info.get("xmp") or None, None, notes)
    return in_memory(pixels, (height, width), metadata, orientation_in(exif), alpha=alpha)


def _first_frame(path: Path) -> tuple[NDArray[Any], Alpha]:
    """Return the first picture of several: imagecodecs makes all of them, or writes beyond its array for one."""
    with Image.open(path) as image:
        return np.asarray(image), "straight" if image.mode == "RGBA" else None
