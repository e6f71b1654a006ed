"""The edge of a matte as people want it: moved inwards, softened, or cut to a range. Pure.

Each change needs a stated number of pixels around what it gives, its halo, and nothing else: a window with enough
around it holds to the bit what the whole picture would.

- shrink is a grey erosion by a disk: the least alpha within PX pixels (J. Serra, "Image Analysis and Mathematical
  Morphology", 1982). Between two whole radii it is linear. Grey hair stays as grey as it is, where a level set of the
  blurred alpha would take a share of it for outside.
- feather is a Gaussian of sigma PX, cut at 3 sigma. What was not there before and shows now takes the mean colour
  around it under the same Gaussian, weighted by the alpha: what a blur of premultiplied colours gives (T. Porter and
  T. Duff, "Compositing Digital Images", SIGGRAPH 1984).
- choke maps alpha A..B to 0..1 by a straight line.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.core.gaussian import blurred, reach_of
from tiler.edge import Edge

Alpha = NDArray[np.uint16]

WHITE = 65535
# An alpha below half a step of 8 bits shows nothing of the foreground, and its colour is not sought.
HALF_STEP = 128


def halo_of(edges: Sequence[Edge]) -> int:
    """Return how many pixels around a window the changes need, in all."""
    return sum(_halo(edge) for edge in edges)


def edged(
    pixels: NDArray[Any], alpha: Alpha, edges: Sequence[Edge], *, spread: bool = True
) -> tuple[NDArray[Any], Alpha]:
    """Return the pixels and the alpha of a window after the changes, which are made one after the other.

    pixels: (h, w, samples); alpha: (h, w), 65535 = foreground; both with `halo_of(edges)` more pixels on each side than
    are returned. Alpha is rounded after each change. spread: pixels that show nothing of the foreground and are to show
    some take the colour of the foreground around them; all others, or all if False, are returned bit for bit.
    """
    for edge in edges:
        halo = _halo(edge)
        inner = slice(halo, alpha.shape[0] - halo), slice(halo, alpha.shape[1] - halo)
        before = alpha
        if edge.kind == "choke":
            alpha = _choked(alpha, *edge.numbers)
        elif (before == before[0, 0]).all():
            alpha = before[inner]
        elif edge.kind == "shrink":
            alpha = _shrunk(before, edge.numbers[0])
        else:
            alpha = np.rint(blurred(before, edge.numbers[0])).astype(np.uint16)
        fills = spread and edge.kind == "feather"
        pixels = _spread(pixels, before, alpha, edge.numbers[0]) if fills else pixels[inner]
    return pixels, alpha


def _halo(edge: Edge) -> int:
    if edge.kind == "choke":
        return 0
    return reach_of(edge.numbers[0]) if edge.kind == "feather" else int(np.ceil(edge.numbers[0]))


def _choked(alpha: Alpha, low: float, high: float) -> Alpha:
    table = np.clip((np.arange(WHITE + 1) / WHITE - low) / (high - low), 0, 1)
    return np.asarray(np.rint(table * WHITE).astype(np.uint16)[alpha])


def _shrunk(alpha: Alpha, radius: float) -> Alpha:
    """Return the least alpha within `radius` pixels, without the halo."""
    halo, whole = int(np.ceil(radius)), int(radius)
    far = _eroded(alpha, halo)
    if halo == whole:
        return far
    rest = halo - whole
    near = _eroded(alpha[rest:-rest, rest:-rest], whole)
    share = radius - whole
    return np.asarray(np.rint(near + share * (far - near.astype(np.float64))).astype(np.uint16))


def _eroded(alpha: Alpha, radius: int) -> Alpha:
    """Return the least alpha in a disk of `radius` whole pixels, without the halo."""
    height, width = alpha.shape[0] - 2 * radius, alpha.shape[1] - 2 * radius
    least = np.full((height, width), WHITE, np.uint16)
    # A disk is a stack of rows, and the least of a row costs the same however long it is.
    for down in range(radius + 1):
        across = int((radius * radius - down * down) ** 0.5)
        rows = ndimage.minimum_filter1d(alpha, 2 * across + 1, axis=1)[:, radius : radius + width]
        for row in {radius - down, radius + down}:
            np.minimum(least, rows[row : row + height], out=least)
    return least


def _spread(pixels: NDArray[Any], before: Alpha, alpha: Alpha, sigma: float) -> NDArray[Any]:
    """Return the pixels without the halo; those that show only now have the colour of the foreground around them."""
    halo = reach_of(sigma)
    inner = pixels[halo : pixels.shape[0] - halo, halo : pixels.shape[1] - halo]
    hidden = before[halo : before.shape[0] - halo, halo : before.shape[1] - halo] <= HALF_STEP
    fresh = hidden & (alpha > 0)
    if not (pixels.shape[2] and fresh.any()):
        return inner
    share = np.where(before > HALF_STEP, before, 0).astype(np.float32)
    weight = blurred(share, sigma)
    fresh &= weight > 0
    out = inner.copy()
    for sample in range(pixels.shape[2]):
        # Where the foreground is not seen, light without an end must not come in by a product with nothing.
        seen = np.where(share > 0, pixels[..., sample], 0).astype(np.float32)
        mean = blurred(seen * share, sigma)[fresh] / weight[fresh]
        if pixels.dtype.kind != "f":
            mean = np.clip(np.rint(mean), 0, np.iinfo(pixels.dtype).max)
        out[..., sample][fresh] = mean
    return out
