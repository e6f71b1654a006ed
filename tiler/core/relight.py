"""A foreground in the light of its new background: light that wraps around its edge, and its tone. Pure.

Light is linear, (h, w, 3) float32, of red, green and blue; Lab is that of CIE 1976 for the primaries of sRGB and D65.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Light = NDArray[np.float32]

# Light of sRGB (IEC 61966-2-1) as X, Y and Z in shares of the white's.
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
XYZ = (XYZ / XYZ.sum(axis=1, keepdims=True)).astype(np.float32)
RGB = np.linalg.inv(XYZ.astype(np.float64)).astype(np.float32)
# Below it the cube root of CIE Lab is a straight line.
KNEE = 6 / 29
# Contrast is at most doubled or halved: a flat background would leave none.
MOST_CONTRAST = 2.0


def wrapped(light: Light, spill: Light, amount: float) -> Light:
    """Return the foreground's light with `amount` (0..1) of the spill screened over it.

    spill: the background's light times its share, blurred over the edge. F + amount S (1 - F), so what is white stays;
    the light wrap of compositing (R. Brinkmann, "The Art and Science of Digital Compositing", 1999).
    """
    return np.asarray(light + np.float32(amount) * spill * np.maximum(1 - light, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Tone:
    """Mean and standard deviation of L, a and b."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(slots=True)
class Sums:
    """Weighted sums of L, a and b and of their squares, band after band."""

    weight: float = 0.0
    first: NDArray[np.float64] | float = 0.0
    second: NDArray[np.float64] | float = 0.0

    def add(self, lab: Light, weight: NDArray[np.float32]) -> None:
        """Add (h, w, 3) values, each with its (h, w) weight."""
        exact, share = lab.astype(np.float64), weight.astype(np.float64)[..., None]
        self.weight += float(share.sum())
        self.first += (share * exact).sum(axis=(0, 1))
        self.second += (share * exact**2).sum(axis=(0, 1))

    def tone(self) -> Tone | None:
        """Return the tone of what was added; None if nothing has weight."""
        if self.weight <= 0:
            return None
        mean = self.first / self.weight
        deviation = np.sqrt(np.maximum(self.second / self.weight - mean**2, 0))
        return Tone(tuple(np.atleast_1d(mean).tolist()), tuple(np.atleast_1d(deviation).tolist()))


def matched(light: Light, own: Tone, wanted: Tone, strength: NDArray[np.float32]) -> Light:
    """Return light whose mean and contrast in Lab are moved from the tone `own` towards `wanted`.

    strength: (h, w), 0..1, how far. (lab - mean) * ratio of the deviations + the wanted mean (E. Reinhard et al.,
    "Color Transfer between Images", IEEE CG&A 2001), the ratio kept within 1/2 and 2.
    """
    least = 1e-6
    ratio = [
        min(max((there + least) / (here + least), 1 / MOST_CONTRAST), MOST_CONTRAST)
        for here, there in zip(own.deviation, wanted.deviation, strict=True)
    ]
    lab = to_lab(light)
    here, there, scale = (np.array(values, np.float32) for values in (own.mean, wanted.mean, ratio))
    moved = (lab - here) * scale + there
    return of_lab(np.asarray(lab + strength[..., None] * (moved - lab), np.float32))


def to_lab(light: Light) -> Light:
    """Return L (0..100), a and b of light, negative light cut."""
    xyz = np.maximum(light, 0) @ XYZ.T
    root = np.where(xyz > KNEE**3, np.cbrt(xyz), xyz / (3 * KNEE**2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def of_lab(lab: Light) -> Light:
    """Return the light of L, a and b, negative light cut."""
    y = (lab[..., 0] + 16) / 116
    root = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(root > KNEE, root**3, 3 * KNEE**2 * (root - 4 / 29))
    return np.asarray(np.maximum(xyz @ RGB.T, 0), np.float32)
