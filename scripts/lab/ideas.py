"""Ideas for a better fuse that were measured: `docs/quality.md` says what became of each. All of them build on it."""

from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import tiler.core.fusion
from lab.methods import Alpha, Method, Rgb, alone, unsure
from tiler.core.fusion import _samples, fuse
from tiler.core.guide import SATURATED
from tiler.engine.solve import Fuse
from tiler.model.network import Network

GREY = np.float32(128)
# How far from anything but sure background, in guide pixels, the ground is painted over.
CLEAR_PX = 8
# The area that one guide pixel averages, as a Gaussian's sigma.
OWN_BLUR = 0.35
# Views that differ by this much are half believed.
DOUBT = 0.1


def fuse_with(**parts: Any) -> Fuse:
    """Return the shipped fuse with other constants or functions of its module; for one thread only."""

    def changed(tile: Alpha, guide: Alpha, rgb: Rgb, guide_scale: float) -> Alpha:
        with patch.dict(vars(tiler.core.fusion), parts):
            return fuse(tile, guide, rgb, guide_scale)

    return changed


def under_a_law_of(tolerance: float) -> Fuse:
    """Return the shipped fuse with another tolerance of the law."""
    return fuse_with(TOLERANCE=tolerance, AIM=0.9 * tolerance)


def points(values: Alpha, _side: int, step: int) -> Alpha:
    """Return single pixels as samples, in the place of means."""
    return values[::step, ::step]


def wide(values: Alpha, _side: int, step: int) -> Alpha:
    """Return means of twice the side as samples."""
    return _samples(values, step, step)


def twice(tile: Alpha, guide: Alpha, rgb: Rgb, guide_scale: float) -> Alpha:
    """Explain what the first explanation gave, in windows of a third of the size."""
    return fuse(tile, fuse(tile, guide, rgb, guide_scale), rgb, max(1.0, guide_scale / 3))


def kept(share: float) -> Fuse:
    """Return the fuse that gives back a share of what its answer, made as coarse as the guide, lacks of the guide."""

    def giving_back(tile: Alpha, guide: Alpha, rgb: Rgb, guide_scale: float) -> Alpha:
        alpha = fuse(tile, guide, rgb, guide_scale)
        lost = guide - ndimage.gaussian_filter(alpha, OWN_BLUR * guide_scale)
        return np.where(unsure(guide), np.clip(alpha + np.float32(share) * lost, 0, 1), guide)

    return giving_back


def snapped(tile: Alpha, guide: Alpha, rgb: Rgb, guide_scale: float) -> Alpha:
    """Take what is within 0.05 of 0 or 1 for that, and stretch the rest."""
    alpha = fuse(tile, guide, rgb, guide_scale)
    return np.where(unsure(guide), np.clip((alpha - 0.05) / np.float32(0.9), 0, 1), guide)


def mirrored(network: Network) -> Fuse:
    """Average the tile with the answer to its mirror image."""
    return lambda tile, guide, rgb, guide_scale: fuse((tile + _mirror(network, rgb)) / 2, guide, rgb, guide_scale)


def doubted(network: Network) -> Fuse:
    """As `mirrored`, and where the two differ the guide speaks in their place."""

    def doubting(tile: Alpha, guide: Alpha, rgb: Rgb, guide_scale: float) -> Alpha:
        other = _mirror(network, rgb)
        belief = 1 / (1 + ((tile - other) / np.float32(2 * DOUBT)) ** 2)
        believed = belief * (tile + other) / 2 + (1 - belief) * guide
        return fuse(np.asarray(believed, np.float32), guide, rgb, guide_scale)

    return doubting


def two_scales(network: Network) -> Fuse:
    """Average the tile with the answer to itself at half size."""

    def averaged(tile: Alpha, guide: Alpha, rgb: Rgb, guide_scale: float) -> Alpha:
        height, width = tile.shape
        small = _resized(rgb, (width // 2, height // 2), Image.Resampling.BOX)
        wide = Image.fromarray(network.alpha(small)).resize((width, height), Image.Resampling.BICUBIC)
        return fuse((tile + np.clip(np.asarray(wide), 0, 1)) / 2, guide, rgb, guide_scale)

    return averaged


def neutral_ground(network: Network) -> Fuse:
    """Paint grey what is far from all but sure background before the network sees the tile."""

    def painted(_tile: Alpha, guide: Alpha, rgb: Rgb, guide_scale: float) -> Alpha:
        near = ndimage.maximum_filter(guide, 2 * round(CLEAR_PX * guide_scale) + 1)
        clear = (near <= SATURATED).astype(np.float32)
        clear = ndimage.gaussian_filter(clear, 2 * guide_scale)[..., None]
        return fuse(network.alpha(rgb + clear * (GREY - rgb)), guide, rgb, guide_scale)

    return painted


def _mirror(network: Network, rgb: Rgb) -> Alpha:
    return network.alpha(np.ascontiguousarray(rgb[:, ::-1]))[:, ::-1]


def _resized(rgb: Rgb, size: tuple[int, int], how: Image.Resampling) -> NDArray[np.float32]:
    return np.stack([np.asarray(Image.fromarray(rgb[..., k]).resize(size, how)) for k in range(3)], axis=-1)


IDEAS: dict[str, Method] = {
    "points for samples": alone(fuse_with(_samples=points)),
    "wide samples": alone(fuse_with(_samples=wide)),
    "all pixels count alike": alone(fuse_with(GREY_SHARE=1.0)),
    "tolerance 0.04": alone(under_a_law_of(0.04)),
    "tolerance 0.12": alone(under_a_law_of(0.12)),
    "no law": alone(under_a_law_of(1.0)),
    "radius 24": alone(fuse_with(REGRESSION_RADIUS=24)),
    "contrast 0.4": alone(fuse_with(CONTRAST=0.4)),
    "twice": alone(twice),
    "gives back 0.3": alone(kept(0.3)),
    "gives back 1": alone(kept(1)),
    "snapped": alone(snapped),
    "mirrored": mirrored,
    "doubted": doubted,
    "two scales": two_scales,
    "neutral ground": neutral_ground,
}
