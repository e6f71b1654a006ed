"""The background that a picture has already, seen behind its cutout: as it is, or blurred.

A picture is alpha F + (1 - alpha) B. Picture, alpha and F are given, so (1 - alpha) B is what the foreground leaves of
the picture, and a mean of B is a mean of that over a mean of 1 - alpha: the foreground's colours stay out of it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box
from tiler.core.light import Light
from tiler.image.clean_colours import ReadBoth
from tiler.image.columns import by_columns
from tiler.image.layers.soft import Planes, softened
from tiler.image.layers.target import dithered
from tiler.progress import Progress

# Where no background is near, the picture itself is taken for it.
LEAST_SHARE = np.float32(1e-4)
# Sigma of the means that stand in where the foreground hides the background, in pixels.
FILL_PX = 12.0
# How much of a pixel the background must be to be known from it: at 1 % half of it is believed.
KNOWN = np.float32(1e-4)


@dataclass(frozen=True, slots=True)
class Beneath:
    """A picture and its cutout. picture: a box to its pixels in the colours of the cutout. light: of their samples."""

    shape: tuple[int, int]
    picture: Callable[[Box], NDArray[Any]]
    cutout: ReadBoth
    light: Light

    def shares(
        self, picture: NDArray[Any], pixels: NDArray[Any], alpha: NDArray[np.uint16]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (1 - alpha) B, (h, w, 3), and 1 - alpha, (h, w, 1)."""
        share = np.divide(alpha, np.float32(65535), dtype=np.float32)[..., None]
        left = self.light.of(picture) - share * self.light.of(pixels)
        return np.maximum(left, 0), 1 - share

    def weighted(self, box: Box) -> NDArray[np.float32]:
        """Return the two side by side, with a little of the picture itself everywhere."""
        picture, (pixels, alpha) = self.picture(box), self.cutout(box)

        def part(one: Box) -> NDArray[np.float32]:
            at = one.within(box).slices
            left, share = self.shares(picture[at], pixels[at], alpha[at])
            left += LEAST_SHARE * self.light.of(picture[at])
            return np.concatenate([left, share + LEAST_SHARE], axis=2)

        return by_columns(box, np.dtype(np.float32), part, samples=4)


@contextmanager
def blurred_background(
    beneath: Beneath, sigma: float, scratch: Path, progress: Progress
) -> Iterator["BlurredBackground"]:
    """Give the background under a Gaussian of `sigma` pixels."""
    with softened(beneath.weighted, beneath.shape, 4, sigma, scratch, progress) as soft:
        yield BlurredBackground(soft, beneath.light)


@dataclass(frozen=True, slots=True)
class BlurredBackground:
    """Means of the background alone. soft: its light times its share, and the share."""

    soft: Planes
    light: Light

    def mean(self, box: Box) -> NDArray[np.float32]:
        """Return the mean light, (h, w, 3)."""
        soft = self.soft(box)
        return np.asarray(soft[..., :3] / soft[..., 3:])

    def read(self, box: Box) -> NDArray[Any]:
        def part(one: Box) -> NDArray[Any]:
            return dithered(self.light.exact(self.mean(one)), one, self.light.dtype)

        return by_columns(box, self.light.dtype, part)


@dataclass(frozen=True, slots=True)
class OwnBackground:
    """The background as the picture shows it: over it the cutout is the picture again.

    Where hardly any of it shows, or none, it is a mean of what shows around.
    """

    beneath: Beneath
    around: BlurredBackground

    def read(self, box: Box) -> NDArray[Any]:
        beneath = self.beneath
        picture, (pixels, alpha) = beneath.picture(box), beneath.cutout(box)

        def part(one: Box) -> NDArray[Any]:
            at = one.within(box).slices
            if not alpha[at].any():
                return picture[at]
            left, share = beneath.shares(picture[at], pixels[at], alpha[at])
            known = share * share / (share * share + KNOWN)
            mean = self.around.mean(one)
            found = mean + known * (left / np.maximum(share, LEAST_SHARE) - mean)
            return np.where(share == 1, picture[at], beneath.light.samples(np.asarray(found, np.float32)))

        return by_columns(box, beneath.light.dtype, part)
