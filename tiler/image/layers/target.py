"""What a background is made for: the size, the samples and the profile of a cutout."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box
from tiler.image.depth import to_depth
from tiler.image.icc import converted


@dataclass(frozen=True, slots=True)
class Target:
    """What a background is made for. shape: (height, width). dtype, icc: of the samples of the cutout."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    icc: bytes | None


def in_colours_of(target: Target, pixels: NDArray[Any], icc: bytes | None, path: Path) -> NDArray[Any]:
    """Return (h, w, 3) pixels of the profile `icc` as the cutout has them; floats are linear light of sRGB.

    path: the file of the pixels. Raises InputError if one of the profiles is not sound.
    """
    if pixels.dtype.kind == "f" and target.dtype.kind == "f":
        return pixels
    if pixels.dtype.kind == "f":
        pixels, icc = to_depth(pixels, np.dtype(np.uint16)), None
    wanted = None if target.dtype.kind == "f" else target.icc
    if icc != wanted:
        pixels = converted(pixels, icc, wanted, path)
    return to_depth(pixels, target.dtype)


def dithered(exact: NDArray[np.float32], box: Box, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return smooth samples, (h, w, 3) in the range of `dtype`, as pixels of it; those of 8 bits without bands.

    Each value of 8 bits is rounded up or down by an even noise that depends on its place alone (J. Jimenez, "Next
    Generation Post Processing in Call of Duty: Advanced Warfare", SIGGRAPH 2014). box: where the pixels lie.
    """
    if dtype != np.uint8:
        return exact.astype(dtype) if dtype.kind == "f" else np.rint(exact).astype(dtype)
    y, x = np.ogrid[box.rows.slice, box.cols.slice]
    noise = np.modf(52.9829189 * np.modf(0.06711056 * x + 0.00583715 * y)[0])[0]
    # A whole number that arithmetic has missed by little stays what it is.
    near = np.rint(exact)
    exact = np.where(np.abs(exact - near) < 1e-3, near, exact)
    down = np.floor(exact)
    return np.asarray(np.minimum(down + (exact - down > noise[..., None].astype(np.float32)), 255).astype(np.uint8))
