"""Hair as arrays of points (strands, points, 3): roots on a skin, grown around it, then locks, curls and frizz.

Lengths are in heads: from the eyes, which are at 0, to the crown, which is at (0, 0, 1). The face looks to -y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Where = NDArray[np.bool_]
Comb = Callable[[Array], Array]
POINTS, DOWN = 56, np.array([0, 0, -1.0])


@dataclass(frozen=True)
class Style:
    """How hair falls. Lengths are in heads, all else in shares."""

    length: float
    strands: int
    gravity: float = 0.12  # how far a strand turns down from point to point
    lift: float = 0.2  # depth of the layer of hair on the skin
    clump: float = 0.55  # how far strands come together in locks
    curl: float = 0.0  # radius of the curls
    pitch: float = 1.0  # length of hair in one turn
    frizz: float = 0.03
    width: float = 0.0022


def unit(v: Array) -> Array:
    """Return the vectors (..., 3) at length 1."""
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))


class Skin:
    """The triangles (n, 3 corners, 3) that hair grows on and may not enter."""

    def __init__(self, corners: Array) -> None:
        self.corners, self.middle = corners, corners.mean(1)
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        self.area, self.normal = np.linalg.norm(across, axis=1) / 2, unit(across)
        self.tree = cKDTree(self.middle)

    def lifted(self, points: Array, least: Array, most: Array) -> Array:
        """Return the points moved out until they are `least` above the skin, by `most` at once."""
        _, near = self.tree.query(points)
        gap = ((points - self.middle[near]) * self.normal[near]).sum(1)
        return np.asarray(points + self.normal[near] * np.clip(least - gap, 0, most)[:, None])

    def roots(self, where: Where, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return places (count, 3), even over the triangles `where`, and what points out of the skin there."""
        share = self.area * where
        pick = rng.choice(len(share), count, p=share / share.sum())
        return (self.corners[pick] * rng.dirichlet((1, 1, 1), count)[:, :, None]).sum(1), self.normal[pick]


def scalp(skin: Skin) -> Where:
    """Return where the hair of the head grows."""
    x, y, z = skin.middle.T
    line = np.interp(y, [-0.3, 0.1, 0.35, 0.5, 0.6, 0.88, 0.98, 1.4], [0.62, 0.55, 0.3, 0, 0.12, 0.1, -0.5, -0.7])
    return np.asarray((z > line + 0.04 * np.sin(25 * x)) & (np.abs(x) < 0.74))


def brows(skin: Skin) -> Where:
    """Return where the brows grow."""
    x, y, z = skin.middle.T
    bow = np.abs(z - 0.2 + 0.25 * (np.abs(x) - 0.35) ** 2) < 0.032
    return np.asarray(bow & (np.abs(np.abs(x) - 0.305) < 0.175) & (y < 0.2))


def beard(skin: Skin, rng: np.random.Generator) -> Where:
    """Return where a beard grows, its edges frayed."""
    x, y, z = skin.middle.T
    side, soft = np.abs(x), rng.normal(0, 0.07, (2, len(x)))
    chin = (y + soft[0] < np.interp(z, [-1.1, -0.5, 0.1], [0.3, 0.45, 0.5])) & (z > -1.1)
    cheeks = z + soft[1] < np.interp(side, [0, 0.3, 0.62], [-0.42, -0.52, -0.05])
    lips = (side < 0.3) & (np.abs(z + 0.57) < 0.1)
    return np.asarray(chin & cheeks & ~lips)


def parted(at: Array) -> Array:
    """Return the way, at places (n, 3), of hair that is parted a little left of the middle."""
    return np.stack([np.tanh(10 * at[:, 0] - 1), np.full(len(at), 0.45), 0.5 * np.clip(at[:, 2] - 0.3, 0, 1)], 1)


def outward(at: Array) -> Array:
    """Return the way of brows."""
    return np.sign(at) * (1, 0, 0) + (0, 0, 0.25)


def downward(at: Array) -> Array:
    """Return the way of a beard."""
    return at * (0.5, 0, 0) - (0, 0.1, 1)


def ruffled(at: Array) -> Array:
    """Return the way of fur."""
    return at * (0.3, 0.3, 0) - (0, 0, 0.3)


def grow(skin: Skin, where: Where, style: Style, comb: Comb, rng: np.random.Generator) -> Array:
    """Return strands that leave the skin as they are combed, fall, and lie on it layer upon layer."""
    roots, out = skin.roots(where, style.strands, rng)
    way = comb(roots)
    way = unit(unit(way - out * (way * out).sum(1, keepdims=True)) + 0.6 * out)
    step = style.length * rng.uniform(0.75, 1, len(roots)) / (POINTS - 1)
    layer = style.lift * rng.random(len(roots)) ** 1.5 + 0.01
    path, long = [roots], style.length > 0.7  # short hair stays where it grows
    for k in range(1, POINTS):
        ahead = path[-1] + unit(way + style.gravity * DOWN) * step[:, None]
        path.append(skin.lifted(off_face(ahead, 0.2 * long), layer * min(1, k / 9), 1.5 * step))
        way = unit(path[-1] - path[-2])
    return off_face(styled(np.stack(path, 1), style, rng), 0.4 * long)


def off_face(points: Array, share: float) -> Array:
    """Return the points (..., 3) with those before the face brought a share of the way to its sides."""
    x, y, z = np.moveaxis(points, -1, 0)
    before = (y < 0.25) & (z < 0.45) & (z > -1.6)
    aside = np.sign(x) * np.maximum(0.6 - np.abs(x), 0) * share * before
    return np.asarray(points + aside[..., None] * (1, 0, 0))


def styled(path: Array, style: Style, rng: np.random.Generator) -> Array:
    """Return the strands drawn together in locks, curled lock by lock, and each disturbed by itself."""
    count, along = len(path), np.linspace(0, 1, POINTS)[None, :, None]
    loose = np.where(rng.random((count, 1, 1)) < 0.04, 1.0, 0.0)  # strands that keep to no lock
    leaders = rng.choice(count, max(8, count // 45), replace=False)
    lock = leaders[cKDTree(path[leaders, 0]).query(path[:, 0])[1]]
    pull = style.clump * rng.uniform(0.5, 1, (count, 1, 1)) * (1 - 0.9 * loose)
    path = path + (path[lock] - path) * pull * np.minimum(along * 2.5, 1)

    ahead = unit(np.gradient(path[lock], axis=1))
    side = unit(np.cross(ahead, rng.normal(size=(count, 3))[lock][:, None]))
    turns = style.length * along / style.pitch / rng.uniform(0.8, 1.3, (count, 1, 1))[lock]
    phase = 2 * np.pi * (turns + rng.random((count, 1, 1))[lock]) + rng.normal(0, 0.25, (count, 1, 1))
    radius = style.curl * rng.uniform(0.6, 1.2, (count, 1, 1)) * np.minimum(along * 4, 1)
    path = path + radius * (np.cos(phase) * side + np.sin(phase) * np.cross(ahead, side))

    for waves in (1, 2, 4, 7):
        bend = np.sin(2 * np.pi * (waves * along + rng.random((count, 1, 3)))) * rng.normal(size=(count, 1, 3))
        path = path + style.frizz * (1 + 1.5 * loose) * bend * along / waves
    return np.asarray(path)
