"""Guides as a network leaves them, tiles that have nothing to do with them, and the size of the difference."""

import numpy as np
from hypothesis import strategies as st
from scipy import ndimage

from tiler.core.constraint import CONSTRAINT_RADIUS

LIES = ["zeros", "ones", "half", "noise", "inverse", "stripes", "checks", "shifted"]
ROUNDING = 1e-5

sides = st.integers(1, 150)
guide_pxs = st.floats(1.0, 2.4)
seeds = st.integers(0, 999)


def soft_guide(shape, seed):
    """A guide as a network leaves it: saturated plateaus, soft edges, some fog."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.random(shape), rng.uniform(1, 12), mode="wrap")
    return np.clip((noise - noise.mean()) / (noise.std() or 1) * rng.uniform(0.3, 2) + 0.5, 0, 1).astype(np.float32)


def lie_of(kind, guide, seed):
    """A tile alpha that has nothing to do with the guide, or is its opposite, or was moved."""
    y, x = np.indices(guide.shape)
    return {
        "zeros": lambda: np.zeros_like(guide),
        "ones": lambda: np.ones_like(guide),
        "half": lambda: np.full_like(guide, 0.5),
        "noise": lambda: np.random.default_rng(seed).random(guide.shape, np.float32),
        "inverse": lambda: 1 - guide,
        "stripes": lambda: (x // 3 % 2).astype(np.float32),
        "checks": lambda: ((x // 11 + y // 11) % 2).astype(np.float32),
        "shifted": lambda: np.roll(guide, 9, axis=(0, 1)),
    }[kind]()


def colours(shape, seed):
    """Noise, or large patches of colour whose edges are not the guide's."""
    rng = np.random.default_rng(seed + 1)
    if seed % 2:
        return (rng.random((*shape, 3)) * 255).astype(np.float32)
    patches = rng.integers(0, 256, (shape[0] // 13 + 1, shape[1] // 13 + 1, 3))
    return np.kron(patches, np.ones((13, 13, 1)))[: shape[0], : shape[1]].astype(np.float32)


def off_the_guide(fused, guide, guide_scale):
    """The greatest |mean(fused) - mean(guide)| over the windows of the constraint, from a table of sums."""
    radius = round(CONSTRAINT_RADIUS * guide_scale)
    sums = np.zeros(np.add(guide.shape, 1))
    sums[1:, 1:] = (fused.astype(float) - guide).cumsum(0).cumsum(1)
    (top, bottom), (left, right) = (
        (np.maximum(at - radius, 0), np.minimum(at + radius + 1, at.size)) for at in map(np.arange, guide.shape)
    )
    totals = np.diff(sums[np.ix_(np.r_[top, bottom], np.r_[left, right])].reshape(2, top.size, 2, left.size), axis=0)
    return np.abs(np.diff(totals, axis=2)[0, :, 0] / np.outer(bottom - top, right - left)).max()


def disc(side=160, radius=55.0, softness_px=1.0):
    y, x = np.mgrid[:side, :side] - side / 2
    wavy = radius + 4 * np.sin(9 * np.arctan2(y, x))
    return np.clip((wavy - np.hypot(y, x)) / softness_px + 0.5, 0, 1).astype(np.float32)


def painted(alpha, seed=0):
    """The object of `alpha`, red, on green, with the grain of a photograph."""
    grain = np.random.default_rng(seed).normal(0, 2, (*alpha.shape, 1))
    picture = np.where(np.arange(3) == 0, 200, 60) * alpha[..., None] + [40, 160, 90] * (1 - alpha[..., None])
    return np.clip(picture + grain, 0, 255).astype(np.float32)
