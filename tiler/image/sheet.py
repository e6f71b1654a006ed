"""What every writer is given: a picture to be, and its rows from top to bottom."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tiler.image.source import Metadata, Pixels

# Rows of each band that a writer is given; the last may be short.
BAND_ROWS = 512


@dataclass(frozen=True, slots=True)
class Sheet:
    """A picture to be written.

    shape: (height, width) in pixels. samples: 4 for straight RGBA, 1 for grey. dtype: uint8 or uint16.
    metadata: what to keep with it. bands: (h, w, samples) rows from top to bottom, `BAND_ROWS` at a time, once.
    threads: how many may compress.
    """

    shape: tuple[int, int]
    samples: int
    dtype: np.dtype[np.uint8] | np.dtype[np.uint16]
    metadata: Metadata
    bands: Iterator[Pixels]
    threads: int
