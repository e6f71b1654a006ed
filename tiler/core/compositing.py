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

    def of_integers(self, white: int) -> NDArray[np.float32]:
        """Return the light of all integers up to `white`, (3, white + 1)."""
        at, whole = np.linspace(0, 1, self.light.shape[1]), np.arange(white + 1) / white
        return np.stack([np.interp(whole, at, light) for light in self.light]).astype(np.float32)

    def inverse(self) -> NDArray[np.float32]:
        """Return the samples of light whose square roots are at equal steps from 0 to 1, (3, n)."""
        # The eye, and so every curve, is near a square root: in it the inverse is nearly straight.
        at, wanted = np.linspace(0, 1, self.light.shape[1]), np.linspace(0, 1, POINTS) ** 2
        return np.stack([np.interp(wanted, light, at) for light in self.light]).astype(np.float32)


def srgb_curve() -> Curve:
    """Return the curve of sRGB (IEC 61966-2-1)."""
    x = np.linspace(0, 1, POINTS)
    return Curve(np.tile(np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4), (3, 1)))


def over(
    front: NDArray[Any], back: NDArray[Any], alpha: NDArray[np.uint16], curve: Curve | None = None
) -> NDArray[Any]:
    """Return (h, w, 3) `front` over `back`, as the two are: uint8, uint16 or float32.

    alpha: (h, w), 65535 = front. curve: of integers, mixes the light that they mean by it; None mixes the samples.
    Where alpha is 65535 or 0 the samples of front or back are kept bit for bit; mixtures of integers are rounded.
    """
    out = np.ascontiguousarray(front).reshape(-1, 3)
    out = out.copy() if np.shares_memory(out, front) else out
    behind, flat = np.broadcast_to(back, front.shape), alpha.reshape(-1)
    clear = flat == 0
    one_colour = back.strides[:2] == (0, 0)
    out[clear] = back[0, 0] if one_colour else behind.reshape(-1, 3)[clear]
    mixed = np.flatnonzero(~clear & (flat < OPAQUE))
    if mixed.size:
        below = back[0, 0] if one_colour else behind.reshape(-1, 3)[mixed]
        share = np.divide(flat[mixed], np.float32(OPAQUE), dtype=np.float32)
        out[mixed] = _mixed(out[mixed], np.broadcast_to(below, (mixed.size, 3)), share, curve)
    return out.reshape(front.shape)


def _mixed(front: NDArray[Any], back: NDArray[Any], share: NDArray[np.float32], curve: Curve | None) -> NDArray[Any]:
    """Return (n, 3) mixtures of samples, of which `share` (n,) is that of the front."""
    whole = front.dtype.kind != "f"
    if curve is None or not whole:
        mixture = _between(front.astype(np.float32), back.astype(np.float32), share[:, None])
        return np.asarray(np.rint(mixture) if whole else mixture)
    white = int(np.iinfo(front.dtype).max)
    light, inverse = curve.of_integers(white), curve.inverse()
    out = np.empty(front.shape, front.dtype)
    for k in range(3):
        at = np.sqrt(_between(light[k][front[:, k]], light[k][back[:, k]], share)) * np.float32(POINTS - 1)
        before = np.minimum(at.astype(np.int32), POINTS - 2)
        rise = np.diff(inverse[k])
        out[:, k] = np.rint((inverse[k][before] + (at - before) * rise[before]) * np.float32(white))
    return out


def _between(front: NDArray[np.float32], back: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    # In this form what is the same in front and behind stays the same.
    return np.asarray(back + share * (front - back), np.float32)
