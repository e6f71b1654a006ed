"""Samples as light in 0..1, and light as samples. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.compositing import POINTS, Curve


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """What samples of `dtype` mean.

    curve: of integers; None takes their share of the full range as it is. Floats are light already.
    """

    curve: Curve | None
    dtype: np.dtype[Any]

    def of(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Return the light of (h, w, 3) pixels."""
        if self.dtype.kind == "f":
            return np.asarray(pixels.astype(np.float32))
        white = int(np.iinfo(self.dtype).max)
        if self.curve is None:
            return np.asarray(pixels / np.float32(white), np.float32)
        table = self.curve.of_integers(white)
        return np.asarray(np.stack([table[k][pixels[..., k]] for k in range(3)], axis=-1), np.float32)

    def exact(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (h, w, 3) light as samples that are not yet rounded; of integers, cut to their range."""
        if self.dtype.kind == "f":
            return light
        white = np.float32(np.iinfo(self.dtype).max)
        light = np.clip(light, 0, 1)
        if self.curve is None:
            return np.asarray(light * white)
        out = np.empty_like(light)
        for k, inverse in enumerate(self.curve.inverse()):
            at = np.sqrt(light[..., k]) * np.float32(POINTS - 1)
            before = np.minimum(at.astype(np.int32), POINTS - 2)
            out[..., k] = (inverse[before] + (at - before) * np.diff(inverse)[before]) * white
        return out

    def samples(self, light: NDArray[np.float32]) -> NDArray[Any]:
        """Return (h, w, 3) light as pixels; integers are rounded to the nearest."""
        exact = self.exact(light)
        return exact if self.dtype.kind == "f" else np.rint(exact).astype(self.dtype)
