"""OpenEXR: linear light, half or single precision."""

from pathlib import Path
from typing import Any

import numpy as np

from tiler.errors import InputError
from tiler.image.bounds import check_whole
from tiler.image.source import Metadata, Source
from tiler.image.whole import decoded, library, whole


def open_file(path: Path) -> Source:
    """Open the OpenEXR file `path`; raises InputError if it is damaged, or its reader is not installed."""
    openexr: Any = library(path, "OpenEXR", "exr", "OpenEXR picture")
    source: Source = decoded(path, "OpenEXR file", lambda: _read(path, openexr))
    return source


def _read(path: Path, openexr: Any) -> Source:
    with openexr.File(str(path), separate_channels=True, header_only=True) as file:
        (left, top), (right, bottom) = file.header()["dataWindow"]
        check_whole(path, int(right - left + 1) * int(bottom - top + 1) * 4 * 8, "an OpenEXR picture")
    with openexr.File(str(path), separate_channels=True) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
        parts = len(file.parts)
    wanted = next((names for names in ("RGB", "Y") if all(name in channels for name in names)), None)
    if wanted is None:
        raise InputError(f"{path}: holds no channels R, G and B, nor Y.", "Save the picture with plain colours.")
    pixels = np.stack([channels[name].astype(np.float32) for name in wanted], axis=2)
    notes = () if parts == 1 else (f"The first of {parts} parts is read.",)
    return whole(pixels, Metadata(notes=notes))
