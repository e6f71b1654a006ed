"""A foreground over a background, in linear light or as the samples are. Pure."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPAQUE = 65535
# Points at which a curve is kept: between them it is as good as straight, at 16 bit too.
POINTS = 4096
# Rows that are laid over each other at once: what they need stays in the processor's cache.
SLICE_ROWS = 32


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

    def inverse(self, points: int = POINTS) -> NDArray[np.float32]:
        """Return the samples of light whose square roots are at equal steps from 0 to 1, (3, points)."""
        # The eye, and so every curve, is near a square root: in it the inverse is nearly straight.
        at, wanted = np.linspace(0, 1, self.light.shape[1]), np.linspace(0, 1, points) ** 2
        return np.stack([np.interp(wanted, light, at) for light in self.light]).astype(np.float32)


def srgb_curve() -> Curve:
    """Return the curve of sRGB (IEC 61966-2-1)."""
    x = np.linspace(0, 1, POINTS)
    return Curve(np.tile(np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4), (3, 1)))


def over(
    front: NDArray[Any],
    back: NDArray[Any],
    alpha: NDArray[np.uint8] | NDArray[np.uint16],
    curve: Curve | None = None,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return (h, w, 3) `front` over `back`, as the two are: uint8, uint16 or float32.

    alpha: (h, w), uint16 with 65535 = front, or uint8 with 255 = front. curve: of integers, mixes the light
    that they mean by it; None mixes the samples. out: is written to and returned.
    Where alpha is the whole or 0 the samples of front or back are kept bit for bit; mixtures of integers are rounded.
    """
    out = np.empty(front.shape, front.dtype) if out is None else out
    whole, behind = np.iinfo(alpha.dtype).max, np.broadcast_to(back, front.shape)
    table = None
    if front.dtype == np.uint8 and back.strides[:2] == (0, 0):
        table = _over_one_colour((int(back[0, 0, 0]), int(back[0, 0, 1]), int(back[0, 0, 2])), curve)
    for row in range(0, len(front), SLICE_ROWS):
        rows = slice(row, row + SLICE_ROWS)
        share = alpha[rows]
        least, most = share.min(initial=whole), share.max(initial=0)
        if least == whole or most == 0:
            _copy(front[rows] if most else behind[rows], out[rows])
        elif table is not None and (share.dtype == np.uint8 or np.array_equal(share & 255, share >> 8)):
            first = share.astype(np.uint16) << 8
            for k in range(3):
                out[rows, :, k] = table[k].take(first | front[rows, :, k], mode="clip")
        else:
            _lay(front[rows], behind[rows], share, curve, out[rows])
    return out


def _copy(pixels: NDArray[Any], out: NDArray[Any]) -> None:
    # Sample by sample, NumPy copies eight times as fast as pixel by pixel.
    for k in range(3):
        out[..., k] = pixels[..., k]


def _lay(front: NDArray[Any], back: NDArray[Any], alpha: NDArray[Any], curve: Curve | None, out: NDArray[Any]) -> None:
    """Write (h, w, 3) `front` over `back` to `out`."""
    whole = np.iinfo(alpha.dtype).max
    clear = alpha == 0
    mixed = np.flatnonzero(~clear & (alpha < whole))
    share = np.divide(alpha.ravel()[mixed], np.float32(whole), dtype=np.float32)
    for k in range(3):
        plane = front[..., k].ravel()
        np.copyto(plane, back[..., k].ravel(), where=clear.ravel())
        if mixed.size:
            plane[mixed] = _mixed(plane[mixed], back[..., k].ravel()[mixed], share, curve, k)
        out[..., k] = plane.reshape(alpha.shape)


def _mixed(
    front: NDArray[Any], back: NDArray[Any], share: NDArray[np.float32], curve: Curve | None, k: int
) -> NDArray[Any]:
    """Return (n,) mixtures of the samples of colour `k`, of which `share` (n,) is that of the front."""
    if front.dtype.kind == "f":
        return _between(front, back, share)
    if curve is None:
        mixture = _between(front.astype(np.float32), back.astype(np.float32), share)
        return np.asarray(np.rint(mixture), front.dtype)
    light, samples = _tables(curve, front.dtype)
    root = np.sqrt(_between(light[k].take(front), light[k].take(back), share))
    root *= np.float32(samples.shape[1] - 1)
    if samples.dtype == front.dtype:
        return np.asarray(samples[k].take(np.rint(root, out=root).astype(np.uint16)))
    before = np.minimum(root.astype(np.int32), samples.shape[1] - 2)
    first = samples[k].take(before)
    root -= before
    root *= samples[k].take(before + 1) - first
    return np.asarray(np.rint(root + first), front.dtype)


def _between(front: NDArray[np.float32], back: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    # In this form what is the same in front and behind stays the same.
    return np.asarray(back + share * (front - back), np.float32)


@lru_cache(maxsize=4)
def _tables(curve: Curve, dtype: np.dtype[Any]) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Return the light of all samples of `dtype`, and the samples of light at equal steps of its root, (3, n) each.

    The samples are those of uint8; of uint16 they are not rounded, and between them the curve is straight.
    """
    white = int(np.iinfo(dtype).max)
    if dtype == np.uint8:
        # From one entry to the next the curve of sRGB rises by 0.006 of a sample, and a straight one by 0.008.
        return curve.of_integers(white), np.rint(curve.inverse(65536) * white).astype(np.uint8)
    return curve.of_integers(white), curve.inverse() * np.float32(white)


@lru_cache(maxsize=4)
def _over_one_colour(colour: tuple[int, int, int], curve: Curve | None) -> NDArray[np.uint8]:
    """Return all mixtures of uint8 samples with one colour, (3, 65536), at 256 alpha + sample."""
    alpha, front = np.divmod(np.arange(65536), 256)
    table = np.empty((3, 65536), np.uint8)
    share = np.divide(alpha, np.float32(255), dtype=np.float32)
    for k in range(3):
        back = np.full(65536, colour[k], np.uint8)
        table[k] = _mixed(front.astype(np.uint8), back, share, curve, k)
        table[k, :256], table[k, -256:] = colour[k], np.arange(256)
    return table
