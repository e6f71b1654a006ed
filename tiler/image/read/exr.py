"""OpenEXR in: linear light, half or single precision."""

from pathlib import Path
from typing import Any

import numpy as np

from tiler.errors import InputError
from tiler.image.limits import check_decodable, check_pixels
from tiler.image.read.in_memory import decoded, in_memory, library
from tiler.image.source import Metadata, Source

# Red, green, blue and white in CIE x, y (ITU-R BT.709): what a file that names none has.
REC_709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


def open_file(path: Path, max_pixels: int) -> Source:
    """Open the OpenEXR file `path`; raise InputError if it is damaged, or its reader is not installed."""
    openexr: Any = library(path, "OpenEXR", "exr", "OpenEXR picture")
    return decoded(path, "OpenEXR file", lambda: _read(path, openexr, max_pixels))


def _read(path: Path, openexr: Any, max_pixels: int) -> Source:
    with openexr.File(str(path), separate_channels=True, header_only=True) as file:
        header = dict(file.header())  # a copy, because the header is emptied when the file is closed
        (left, top), (right, bottom) = header["dataWindow"]
        height, width = int(bottom) - int(top) + 1, int(right) - int(left) + 1
        check_pixels(path, (height, width), max_pixels)
        check_decodable(path, height * width * 4 * 8, "an OpenEXR picture")
    with openexr.File(str(path), separate_channels=True) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
        parts = len(file.parts)
    wanted = next((names for names in ("RGB", "Y") if all(name in channels for name in names)), None)
    if wanted is None:
        raise InputError(f"{path}: holds no channels R, G and B, nor Y.", "Save the picture with plain colours.")
    pixels = np.stack([channels[name].astype(np.float32) for name in wanted], axis=2)
    notes = [] if parts == 1 else [f"The first of {parts} parts is read."]
    if "chromaticities" in header and not np.allclose(header["chromaticities"], REC_709, atol=0.001):
        notes.append("Its primaries are not those of sRGB; they are seen as if they were.")
    return in_memory(pixels, Metadata(dpi=_dpi(header), notes=tuple(notes)))


def _dpi(header: dict[str, Any]) -> tuple[float, float] | None:
    """Return (horizontal, vertical) pixels per inch: xDensity, and that times the width over the height of a pixel."""
    x, aspect = float(header.get("xDensity", 0)), float(header.get("pixelAspectRatio", 1))
    return (x, x * aspect) if x > 0 and aspect > 0 else None
