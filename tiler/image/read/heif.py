"""HEIC, read by pillow-heif, and AVIF, read by Pillow and imagecodecs."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tiler.image.depth import full_range
from tiler.image.limits import check_decodable, check_pixels
from tiler.image.metadata.parse import dpi_in, orientation_in, upright_exif
from tiler.image.read.in_memory import decoded, in_memory, library
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
    check_pixels(path, (height, width), max_pixels)
    check_decodable(path, height * width * 3 * 6, "a HEIC picture")
    pixels = np.asarray(image)
    if image.mode.startswith("L"):
        pixels = pixels.reshape(height, width, -1)[..., :1]
    notes = () if len(image) == 1 else (f"The first of {len(image)} pictures is read.",)
    info = image.info
    exif = info.get("exif")
    metadata = Metadata(info.get("icc_profile"), dpi_in(exif), upright_exif(exif), info.get("xmp") or None, None, notes)
    # libheif has turned the picture upright, so the orientation in its Exif is undone already.
    return in_memory(pixels, metadata, undone=orientation_in(exif))


def _avif(path: Path, max_pixels: int) -> Source:
    import imagecodecs

    with Image.open(path) as image:
        width, height = image.size
        info, exif = dict(image.info), image.info.get("exif")
        frames = getattr(image, "n_frames", 1)
    check_pixels(path, (height, width), max_pixels)
    check_decodable(path, height * width * 3 * 6, "an AVIF picture")
    data = path.read_bytes()
    pixels = imagecodecs.avif_decode(data, index=0)
    if pixels.dtype == np.uint16:
        # Samples of 10 and 12 bits are not spread to 16; the box "pixi" holds version, count, and bits of each.
        at = data.find(b"pixi")
        pixels = full_range(pixels, data[at + 9] if at >= 0 and data[at + 9] in (10, 12, 16) else 10)
    notes = () if frames == 1 else (f"The first of {frames} pictures is read.",)
    metadata = Metadata(info.get("icc_profile"), dpi_in(exif), upright_exif(exif), info.get("xmp") or None, None, notes)
    return in_memory(pixels, metadata, orientation_in(exif))
