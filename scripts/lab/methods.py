"""The methods that every idea is held against.

Each is made of a network, which it may ask again, and is then what the engine calls a fuse.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.core.fusion import constrain, fuse
from tiler.core.guide import SATURATED
from tiler.engine.solve import Fuse
from tiler.model.network import Network

Alpha = NDArray[np.float32]
Rgb = NDArray[np.float32]
Method = Callable[[Network], Fuse]


def guide_enlarged(_tile: Alpha, guide: Alpha, _rgb: Rgb, _guide_px: float) -> Alpha:
    """What shrinking gives, and what every figure is divided by."""
    return guide


def tile_alone(tile: Alpha, guide: Alpha, _rgb: Rgb, _guide_px: float) -> Alpha:
    """The tile replaces the guide where that is unsure."""
    return np.where(unsure(guide), tile, guide)


def by_colour(_tile: Alpha, guide: Alpha, rgb: Rgb, _guide_px: float) -> Alpha:
    """A guided filter of the guide by colour: radius 4, eps 1e-4."""
    return _filtered(guide, [rgb[..., k] / np.float32(255) for k in range(3)], 4)


def by_luminance_and_tile(tile: Alpha, guide: Alpha, rgb: Rgb, _guide_px: float) -> Alpha:
    """A guided filter of the guide by luminance and the tile: radius 8, eps 1e-4."""
    return _filtered(guide, [rgb.mean(axis=-1) / np.float32(255), tile], 8)


def high_pass(tile: Alpha, guide: Alpha, _rgb: Rgb, _guide_px: float) -> Alpha:
    """The guide and what the tile has above it that is finer than a Gaussian of 4 pixels."""
    difference = tile - guide
    detail = difference - ndimage.gaussian_filter(difference, 4)
    return np.asarray(np.clip(np.where(unsure(guide), guide + detail, guide), 0, 1), np.float32)


def closed_form(_tile: Alpha, guide: Alpha, rgb: Rgb, _guide_px: float) -> Alpha:
    """Closed-form matting: what the guide is sure of is given, the rest solved for.

    A. Levin, D. Lischinski, Y. Weiss, "A closed-form solution to natural image matting", IEEE TPAMI 30(2), 2008, as
    implemented in pymatting (`pip install pymatting`).
    """
    from pymatting import estimate_alpha_cf  # type: ignore[import-untyped, import-not-found, unused-ignore]

    open_here = unsure(guide)
    if not open_here.any():
        return guide
    known = np.where(open_here, 0.5, np.rint(guide)).astype(np.float64)
    if known.min() == 0.5 == known.max():
        return guide
    alpha = estimate_alpha_cf(rgb.astype(np.float64) / 255, known)
    return np.asarray(np.where(open_here, np.clip(alpha, 0, 1), guide), np.float32)


def unsure(guide: Alpha) -> NDArray[np.bool_]:
    """Return where the guide is surely neither 0 nor 1."""
    return (guide > SATURATED) & (guide < 1 - SATURATED)


def _filtered(guide: Alpha, planes: list[Alpha], radius: int, eps: float = 1e-4) -> Alpha:
    """Return the guided filter of the guide by the planes where it is unsure, and the guide elsewhere."""

    def mean(values: Alpha) -> Alpha:
        return np.asarray(ndimage.uniform_filter(values, 2 * radius + 1, mode="nearest"))

    means, target = [mean(plane) for plane in planes], mean(guide)
    covariance = np.stack(
        [
            np.stack([mean(p * q) - mp * mq for q, mq in zip(planes, means, strict=True)], -1)
            for p, mp in zip(planes, means, strict=True)
        ],
        -2,
    )
    common = np.stack([mean(p * guide) - mp * target for p, mp in zip(planes, means, strict=True)], -1)
    slopes = np.linalg.solve(covariance + eps * np.eye(len(planes), dtype=np.float32), common[..., None])[..., 0]
    offset = target - sum(slopes[..., k] * means[k] for k in range(len(planes)))
    alpha = mean(offset) + sum(mean(slopes[..., k]) * planes[k] for k in range(len(planes)))
    return np.asarray(np.where(unsure(guide), np.clip(alpha, 0, 1), guide), np.float32)


def alone(method: Fuse) -> Method:
    """Return the method that asks the network nothing more."""
    return lambda _network: method


def most(truth: Alpha, guide: Alpha, _rgb: Rgb, guide_scale: float) -> Alpha:
    """The truth itself, brought to obey the law: no fuse under this law, from this guide, can be expected to do more.

    To be given the truth as the tile's alpha.
    """
    return constrain(truth, guide, guide_scale)


BASELINES: dict[str, Method] = {
    "guide": alone(guide_enlarged),
    "tile": alone(tile_alone),
    "colour": alone(by_colour),
    "luminance+tile": alone(by_luminance_and_tile),
    "high-pass": alone(high_pass),
    "closed-form": alone(closed_form),
    "shipped": alone(fuse),
    "truth, obeying": alone(most),
}
