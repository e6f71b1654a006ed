"""WebP in: libvips decodes it as a whole."""

from pathlib import Path

import numpy as np

from tiler.core.geometry import Box
from tiler.image.limits import check_pixels
from tiler.image.read import vips
from tiler.image.read.in_memory import InMemorySource
from tiler.image.source import Source


def open_file(path: Path, max_pixels: int) -> Source:
    """Open the WebP `path`; raise InputError if it is damaged."""
    source = vips.open_file(path, max_pixels)
    check_pixels(path, source.shape, max_pixels)
    return InMemorySource(
        np.asarray(source.read(Box.whole(source.shape))),
        source.colour,
        source.metadata,
        source.has_alpha,
        getattr(source, "orientation", 1),
    )
