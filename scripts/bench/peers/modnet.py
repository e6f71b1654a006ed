"""What the peers share: the network by onnxruntime, the size of a tile, and files; needs no part of this repository."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import tifffile
from numpy.typing import NDArray

TILE_PX, OVERLAP_PX, GUIDE_PX, MULTIPLE_PX = 512, 128, 512, 32
Alpha = NDArray[np.float32]


def open_network(graph: str | Path, threads: int | None = None) -> Callable[[NDArray[np.uint8]], Alpha]:
    """Return MODNet as a function of (h, w, 3) uint8 RGB to (h, w) alpha in 0..1; `threads` a call, all by default.

    Pixels are brought to -1..1, and sides to a multiple of 32 by repeating the last row and column.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def alpha(rgb: NDArray[np.uint8]) -> Alpha:
        height, width = rgb.shape[:2]
        padded = np.pad(rgb, ((0, -height % MULTIPLE_PX), (0, -width % MULTIPLE_PX), (0, 0)), "edge")
        pixels = padded.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(127.5) - 1
        (answer,) = session.run(None, {"input": pixels})
        return np.asarray(answer)[0, 0, :height, :width]

    return alpha


def read(path: str) -> NDArray[np.uint8]:
    """Return the whole picture, (h, w, 3)."""
    return tifffile.imread(path)


def to_bytes(alpha: Alpha) -> NDArray[np.uint8]:
    """Return alpha of 0..1 in 0..255; the array that is given is used up."""
    np.clip(alpha, 0, 1, out=alpha)
    alpha *= 255
    np.rint(alpha, out=alpha)
    return alpha.astype(np.uint8)


def write(path: str, alpha: NDArray[np.uint8]) -> None:
    """Write an alpha as a tiled TIFF, deflated."""
    tifffile.imwrite(path, alpha, tile=(512, 512), compression="zlib", predictor=True, metadata=None)
