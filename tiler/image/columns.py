"""What is found for a wide box, found for some columns at once, so that what it takes on the way stays small."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box, Span
from tiler.settings import default_threads

# Columns that are worked on at once, by each thread.
BLOCK_PX = 1024


def by_columns(
    box: Box, dtype: np.dtype[Any], make: Callable[[Box], NDArray[Any]], *, samples: int = 3
) -> NDArray[Any]:
    """Return the (h, w, samples) pixels that `make` gives for parts of `box`, side by side."""
    out = np.empty((*box.shape, samples), dtype)

    def block(start: int) -> None:
        part = Box(box.rows, Span(start, min(start + BLOCK_PX, box.cols.stop)))
        out[part.within(box).slices] = make(part)

    with ThreadPoolExecutor(default_threads()) as pool:
        list(pool.map(block, range(box.cols.start, box.cols.stop, BLOCK_PX)))
    return out
