"""Print as JSON how far an alpha is from the truth, strip by strip, so that a gigapixel fits into memory."""

import json
import sys

import numpy as np
import tifffile
from numpy.typing import NDArray

from scenes import band_px
from tiler import metrics

STRIP_ROWS = 1024
# As far as the Gaussian derivatives of Grad reach.
REACH_PX = 8


def main(alpha: str, truth: str) -> None:
    """Compare two grey pictures of 8 bits."""
    print(json.dumps(errors(tifffile.imread(alpha), tifffile.imread(truth))))


def errors(alpha: NDArray[np.uint8], truth: NDArray[np.uint8], strip_rows: int = STRIP_ROWS) -> dict[str, float]:
    """Return MAD, MSE in the band, and Grad of `tiler.metrics`, over (h, w) arrays in 0..255."""
    if alpha.shape != truth.shape:
        raise SystemExit(f"The alpha is of shape {alpha.shape}, the truth {truth.shape}.")
    margin = band_px(truth.shape)
    away = band_sum = grad = 0.0
    band_count = 0
    for top in range(0, len(truth), strip_rows):
        first = max(0, top - margin - REACH_PX)
        rows = slice(first, top + strip_rows + margin + REACH_PX)
        ours, true = (np.divide(array[rows], 255, dtype=np.float32) for array in (alpha, truth))
        here = np.zeros(true.shape, bool)
        here[top - first : top - first + strip_rows] = True
        away += metrics.mad(ours, true, here) * int(here.sum())
        grad += metrics.grad(ours, true, here)
        here &= metrics.band(true, margin)
        if here.any():
            band_sum += metrics.mse(ours, true, here) * int(here.sum())
            band_count += int(here.sum())
    return {"MAD": away / truth.size, "MSE band": band_sum / max(band_count, 1), "Grad": grad}


if __name__ == "__main__":
    main(*sys.argv[1:])
