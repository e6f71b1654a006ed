"""The alpha of one tile, made of the guide, the colours of the tile, and the network's answer for it. Pure.

The guide knows *what* is there, not exactly where it ends. Colours and the tile's own alpha show where edges run, not
what they mean. Three steps bring them together:

1. The guide is explained as a linear function of the colours, and of the tile's alpha where there is one. Its soft
   edges move to where the picture has sharp ones (`regression`).
2. Where the colours around a pixel tell foreground from background, the colour of the pixel decides (`two_colours`).
3. Where the views of the base agree, the guide is sure: it is sharpened, and little else is taken.

A network that is known to be good at tiles is believed for itself as well, the more the less noise its answers have.
Then the guide constraint is enforced (`constraint`).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.core.constraint import constrain
from tiler.core.geometry import Box, Span
from tiler.core.guide import SATURATED
from tiler.core.regression import REGRESSION_RADIUS, explain
from tiler.core.two_colours import towards_colours

Alpha = NDArray[np.float32]

# Variations smaller than these are noise to the regression. Means of colours are good to a step or so of 255; the
# tile's alpha is the answer of a network without context, and its finer shades mean nothing. This is what suits MODNet,
# and what is taken for a network of which it is not known. Alpha by colours alone is off by about as much: a network
# that is no better has no say of its own.
COLOUR_NOISE = 0.005
TILE_NOISE = 0.1
# A least-squares answer to a blurred guide is a little too grey; this much more contrast corrects it.
CONTRAST = 0.2
# Views that differ by this on average (five steps of 255) are not sure. Views of a sure place differ by less.
UNSURE_SPREAD = np.float32(0.02)
# A sure guide: enlarging blurs by about half a guide pixel. Three quarters of what such a blur takes away undo it
# without a rim. Of the detail of the steps before a quarter is taken: beside an exact guide, more does harm somewhere.
BLUR = 0.5
SHARPENING = np.float32(0.75)
SURE_SHARE = np.float32(0.25)


def fuse(
    tile_alpha: Alpha | None,
    guide: Alpha,
    rgb: NDArray[np.float32],
    guide_scale: float,
    spread: Alpha | None = None,
    tile_noise: float = TILE_NOISE,
) -> Alpha:
    """Return the alpha of a tile: as sharp as its pixels allow and, on average, the guide.

    tile_alpha, guide: (h, w) float32 in 0..1; if tile_alpha is None, the colours alone sharpen the guide. rgb:
    (h, w, 3) float32 in 0..255. guide_scale: side of a guide pixel in pixels of the tile, 1 or more. spread: (h, w)
    float32, how far the views of the base part, 0 = the guide is sure; None where that is not known, which counts as
    unsure. tile_noise: how far off the shades of `tile_alpha` are, in alpha, 0 or more. At `TILE_NOISE` and above they
    only help to explain the guide; with less, `tile_alpha` itself counts for a share as well, and with 0 it is all that
    counts. Returns (h, w) float32 in 0..1; any size from 1x1 up.
    """
    seen = looked_at(guide, guide_scale)
    if seen is None:
        return guide
    box = seen.slices
    part = np.ascontiguousarray(guide[box])
    tile = None if tile_alpha is None else tile_alpha[box]
    own = 0.0 if tile is None else 1 - min(tile_noise / TILE_NOISE, 1) ** 2
    if tile is not None and own == 1:
        alpha = tile
    else:
        near = None if spread is None else spread[box]
        alpha = _explained(tile, part, rgb[box], guide_scale, near, tile_noise)
        if tile is not None and own:
            alpha += np.float32(own) * (tile - alpha)
    fused = guide.copy()
    fused[box] = constrain(alpha, part, guide_scale)
    return fused


def _explained(
    tile_alpha: Alpha | None,
    guide: Alpha,
    rgb: NDArray[np.float32],
    guide_scale: float,
    spread: Alpha | None,
    tile_noise: float,
) -> Alpha:
    """Return the alpha of the three steps, before the constraint."""
    planes = [np.ascontiguousarray(rgb[..., channel]) for channel in range(3)]
    seen = [] if tile_alpha is None else [tile_alpha]
    noises = [255 * COLOUR_NOISE] * 3 + [min(max(tile_noise, COLOUR_NOISE), TILE_NOISE)] * len(seen)
    alpha = explain(guide, [*planes, *seen], noises, guide_scale)
    np.clip(alpha, 0, 1, out=alpha)
    alpha += CONTRAST * alpha * (1 - alpha) * (2 * alpha - 1)
    alpha = towards_colours(alpha, guide, planes, guide_scale)
    return alpha if spread is None else _kept_where_sure(alpha, guide, spread, guide_scale)


def looked_at(guide: Alpha, guide_scale: float) -> Box | None:
    """Return the part of a tile that `fuse` looks at; elsewhere alpha is the guide. None if it is that everywhere.

    It is the box of all uncertain pixels of the guide and what the regression sees around them. `fuse` of that part by
    itself gives the same.
    """
    unsure = (guide > SATURATED) & (guide < 1 - SATURATED)
    rows, cols = np.flatnonzero(unsure.any(axis=1)), np.flatnonzero(unsure.any(axis=0))
    if not len(rows):
        return None
    margin_px = round(REGRESSION_RADIUS * guide_scale)
    whole = Box.whole((guide.shape[0], guide.shape[1]))
    spans = (Span(int(places[0]), int(places[-1]) + 1).grow(margin_px) for places in (rows, cols))
    return Box(*(span.clip(side) for span, side in zip(spans, (whole.rows, whole.cols), strict=True)))


def _kept_where_sure(alpha: Alpha, guide: Alpha, spread: Alpha, guide_scale: float) -> Alpha:
    """Return `alpha` where the views part; elsewhere the guide, sharpened, with a little of the detail of `alpha`."""
    mixed = SHARPENING * guide + SURE_SHARE * (alpha - guide)
    blurred: Alpha = ndimage.gaussian_filter(mixed, BLUR * guide_scale, truncate=3, mode="nearest")
    sure = guide + mixed - blurred
    unsure = np.minimum(spread / UNSURE_SPREAD, 1)
    return np.asarray(np.clip(sure + unsure * (alpha - sure), 0, 1), np.float32)
