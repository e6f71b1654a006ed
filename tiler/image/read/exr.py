"""OpenEXR in: linear light, half or single precision."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box, Span
from tiler.errors import InputError
from tiler.image.limits import check_pixels
from tiler.image.read.exr_chroma import colours_of
from tiler.image.read.in_memory import check_size, decoded, in_memory, library
from tiler.image.source import Metadata, Source

# Red, green, blue and white in CIE x, y (ITU-R BT.709): what a file that names none has.
REC_709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
# Bytes for each pixel of the data: channels as read, as floats, and stacked.
PIXEL_BYTES = 4 * 12


def open_file(path: Path, max_pixels: int) -> Source:
    """Open the OpenEXR file `path`; raise InputError if it is damaged, or its reader is not installed.

    The picture is the display window of the file. The colours, which are multiplied by the alpha, are divided by it.
    """
    openexr: Any = library(path, "OpenEXR", "exr", "OpenEXR picture")
    return decoded(path, "OpenEXR file", lambda: _read(path, openexr, max_pixels))


def _read(path: Path, openexr: Any, max_pixels: int) -> Source:
    with openexr.File(str(path), separate_channels=True, header_only=True) as file:
        header = dict(file.header())  # a copy, because the header is emptied when the file is closed
    data, display = _box(header["dataWindow"]), _box(header.get("displayWindow", header["dataWindow"]))
    check_size(path, data.shape, max_pixels, PIXEL_BYTES, "an OpenEXR picture")
    check_pixels(path, display.shape, max_pixels)
    with openexr.File(str(path), separate_channels=True) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
        parts = len(file.parts)
    notes = [] if parts == 1 else [f"The first of {parts} parts is read."]
    pixels = _pixels(path, channels, data.shape, header.get("chromaticities", REC_709))
    if "chromaticities" in header and not np.allclose(header["chromaticities"], REC_709, atol=0.001):
        notes.append("Its primaries are not those of sRGB; they are seen as if they were.")
    if data != display:
        pixels = _in_display(path, pixels, data, display)
        notes.append("Its pixels do not cover its display window or reach beyond it; the display window is read.")
    alpha = "A" in channels
    return in_memory(
        pixels,
        display.shape,
        Metadata(dpi=_dpi(header), notes=tuple(notes)),
        colour="rgb" if pixels.shape[2] > 2 else "grey",
        alpha="associated" if alpha else None,
    )


def _box(window: Any) -> Box:
    (left, top), (right, bottom) = window
    return Box(Span(int(top), int(bottom) + 1), Span(int(left), int(right) + 1))


def _pixels(
    path: Path, channels: dict[str, NDArray[Any]], shape: tuple[int, int], chromaticities: Any
) -> NDArray[np.float32]:
    """Return the (h, w, samples) colours and, if there is one, the alpha."""
    if all(name in channels for name in "RGB"):
        planes = [channels[name] for name in "RGB"]
    elif "Y" in channels and "RY" in channels and "BY" in channels:
        rgb = colours_of(channels["Y"], channels["RY"], channels["BY"], chromaticities)
        planes = [rgb[..., channel] for channel in range(3)]
    elif "Y" in channels:
        planes = [channels["Y"]]
    else:
        raise InputError(f"{path}: holds no channels R, G and B, nor Y.", "Save the picture with plain colours.")
    if "A" in channels:
        planes.append(channels["A"])
    if any(plane.shape != shape for plane in planes):
        raise ValueError(f"its channels are not of {shape[1]} x {shape[0]} px")
    return np.stack([plane.astype(np.float32) for plane in planes], axis=2)


def _in_display(path: Path, pixels: NDArray[np.float32], data: Box, display: Box) -> NDArray[np.float32]:
    """Return what of the pixels, which lie in the box `data`, is in the box `display`; zeros where there are none."""
    common = Box(data.rows.clip(display.rows), data.cols.clip(display.cols))
    if min(common.shape) < 1:
        raise InputError(
            f"{path}: its pixels lie outside its display window.", "Set the window to where the pixels are."
        )
    placed = np.zeros((*display.shape, pixels.shape[2]), np.float32)
    placed[common.within(display).slices] = pixels[common.within(data).slices]
    return placed


def _dpi(header: dict[str, Any]) -> tuple[float, float] | None:
    """Return (horizontal, vertical) pixels per inch: xDensity, and that times the width over the height of a pixel."""
    x, aspect = float(header.get("xDensity", 0)), float(header.get("pixelAspectRatio", 1))
    return (x, x * aspect) if x > 0 and aspect > 0 else None
