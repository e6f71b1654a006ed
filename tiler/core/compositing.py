"""A foreground over a background, in linear light or as the samples are. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPAQUE = 65535
# Points at which a curve is kept: between them it is as good as straight, at 16 bit too.
POINTS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """How samples of 0..1 mean light, for each of red, green and blue.

    light: (3, n) float64, never falling, at equal steps of the samples from 0 to 1.
    """

    light: NDArray[np.float64]

    def to_light(self, samples: NDArray[Any]) -> NDArray[np.float64]:
        """Return (n, 3) samples in 0..1 as light."""
        at = np.linspace(0, 1, self.light.shape[1])
        return np.stack([np.interp(samples[:, k], at, self.light[k]) for k in range(3)], axis=1)

    def from_light(self, light: NDArray[Any]) -> NDArray[np.float64]:
        """Return (n, 3) light as samples in 0..1."""
        at = np.linspace(0, 1, self.light.shape[1])
        return np.stack([np.interp(light[:, k], self.light[k], at) for k in range(3)], axis=1)


def srgb_curve() -> Curve:
    """Return the curve of sRGB (IEC 61966-2-1)."""
    x = np.linspace(0, 1, POINTS)
    return Curve(np.tile(np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4), (3, 1)))


def over(
    front: NDArray[Any], back: NDArray[Any], alpha: NDArray[np.uint16], curve: Curve | None = None
) -> NDArray[Any]:
    """Return (h, w, 3) `front` over `back`, as the two are: uint8, uint16 or float32.

    alpha: (h, w), 65535 = front. curve: mixes the light that the samples mean by it; None mixes the samples. Where
    alpha is 65535 or 0 the samples of front or back are kept bit for bit; mixtures of integers are rounded.
    """
    out = np.where(alpha[..., None] == 0, back, front)
    mixed = (alpha > 0) & (alpha < OPAQUE)
    if not mixed.any():
        return out
    white = 1 if out.dtype.kind == "f" else np.iinfo(out.dtype).max
    share = (alpha[mixed] / OPAQUE)[:, None]
    above, below = front[mixed] / np.float64(white), back[mixed] / np.float64(white)
    if curve is None:
        blend = share * above + (1 - share) * below
    else:
        blend = curve.from_light(share * curve.to_light(above) + (1 - share) * curve.to_light(below))
    out[mixed] = blend if out.dtype.kind == "f" else np.rint(blend * white)
    return out
