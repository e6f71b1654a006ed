"""One block of a level in one file: its alpha, its seams, and at the base the spread of its views.

The file is a Zstandard frame with a checksum after it. In the frame lie the height and width of the block, the number
of seams, and the numbers of samples of the two planes, four bytes each, then the planes, uint16, 65535 = 1, then the
seams as `tiler.core.seams.to_rows` makes them; little-endian. A plane of one value, as most of a large picture has, is
one sample, and a plane that is missing has none. A block is on the canvas if its file is whole, and then all of it is.
"""

from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from tiler.core.seams import FIELDS, Seam, from_rows, to_rows
from tiler.sealed import DamagedFileError, read_sealed, write_sealed

# The fastest level: a stronger one makes a block of hair a tenth smaller and takes three times as long.
ZSTD_LEVEL = 1
HEADER, HEADERS = np.dtype("<u4"), 5


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What a canvas holds of one block.

    alpha: (h, w) uint16, 65535 = foreground. seams: those above and left of the block. spread: how far the views of
    the base part, as alpha is; None above the base.
    """

    alpha: NDArray[np.uint16]
    seams: tuple[Seam, ...] = ()
    spread: NDArray[np.uint16] | None = None


def write_block(path: Path, block: Block) -> None:
    """Write `block` to `path`, which appears complete or not at all. Raises OSError."""
    alpha = _samples(block.alpha)
    spread = alpha[:0] if block.spread is None else _samples(block.spread)
    header = np.array([*block.alpha.shape, len(block.seams), alpha.size, spread.size], HEADER)
    data = b"".join(part.tobytes() for part in (header, alpha, spread, to_rows(block.seams).astype("<f8")))
    write_sealed(path, bytes(imagecodecs.zstd_encode(data, level=ZSTD_LEVEL)))


def read_block(path: Path, shape: tuple[int, int]) -> Block:
    """Return the block of `shape` (h, w) in `path`; a plane of one value cannot be written to.

    Raises FileNotFoundError, DamagedFileError, or another OSError.
    """
    own, alpha, spread, rows = _decoded(path)
    if own != shape:
        raise DamagedFileError(f"{path}: holds another block")
    return Block(_plane(alpha, shape), from_rows(rows), _plane(spread, shape) if spread.size else None)


def read_seams(path: Path) -> tuple[Seam, ...]:
    """Return the seams of the block in `path`; raises as `read_block` does."""
    return from_rows(_decoded(path)[-1])


def _samples(plane: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return the samples that say what a plane is: all of them, or the first if they are all the same."""
    first = plane[0, 0]
    return (plane.ravel() if (plane != first).any() else plane[:1, 0]).astype("<u2")


def _plane(samples: NDArray[np.uint16], shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Return the plane of `shape` that `_samples` made `samples` of."""
    return np.broadcast_to(samples[0], shape) if samples.size == 1 else samples.reshape(shape)


def _decoded(path: Path) -> tuple[tuple[int, int], NDArray[np.uint16], NDArray[np.uint16], NDArray[np.float64]]:
    """Return the shape of a block, the samples of its alpha and of its spread, and the rows of its seams."""
    try:
        data = imagecodecs.zstd_decode(read_sealed(path))
        height, width, seams, alphas, spreads = np.frombuffer(data, HEADER, HEADERS).tolist()
        split = len(data) - 8 * FIELDS * seams
        rows = np.frombuffer(data, "<f8", FIELDS * seams, split).reshape(seams, FIELDS)
        samples = np.frombuffer(data[:split], "<u2", offset=HEADERS * HEADER.itemsize).astype(np.uint16, copy=False)
    except (RuntimeError, ValueError) as error:  # the decoder's, the checksum's and NumPy's
        raise DamagedFileError(f"{path}: damaged") from error
    whole = (1, height * width)
    if samples.size != alphas + spreads or alphas not in whole or spreads not in (0, *whole):
        raise DamagedFileError(f"{path}: damaged")
    return (height, width), samples[:alphas], samples[alphas:], rows
