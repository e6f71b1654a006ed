"""A window with pixels around it, where there are none as well."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Axis, Box, Span


def framed(
    read: Callable[[Box], tuple[NDArray[Any], ...]], shape: tuple[int, int], box: Box, halo: int, *, wraps: bool = False
) -> tuple[NDArray[Any], ...]:
    """Return what `read` gives for `box` and `halo` pixels around it; outside, the picture goes on as it ends.

    read: a box inside the picture to arrays that begin with its shape. wraps: to the left and right the picture goes on
    at its other end.
    """
    rows = box.rows.grow(halo).clip(Span(0, shape[0]))
    wanted = box.cols.grow(halo)
    cols = wanted if wraps else wanted.clip(Span(0, shape[1]))
    found = [read(Box(rows, piece)) for piece in Axis(shape[1], shape[1], shape[1], 0, wraps=True).pieces(cols)]
    beyond = (
        (halo - (box.rows.start - rows.start), halo - (rows.stop - box.rows.stop)),
        (cols.start - wanted.start, wanted.stop - cols.stop),
    )
    return tuple(_padded(np.concatenate(parts, axis=1), beyond) for parts in zip(*found, strict=True))


def _padded(values: NDArray[Any], beyond: tuple[tuple[int, int], ...]) -> NDArray[Any]:
    return np.pad(values, (*beyond, *[(0, 0)] * (values.ndim - 2)), mode="edge")
