"""One block of a level in one file: its alpha, its seams, and at the base the spread of its views.

The file is a Zstandard frame with a checksum after it. In the frame lie the numbers of planes and of seams, four bytes
each, then the planes, uint16, 65535 = 1, then the seams as `tiler.core.seams.to_rows` makes them; little-endian. A
block is on the canvas if its file is whole, and then all of it is.
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
HEADER = np.dtype("<u4")


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
    planes = [block.alpha] if block.spread is None else [block.alpha, block.spread]
    header = np.array([len(planes), len(block.seams)], HEADER)
    parts = [header, *(plane.astype("<u2") for plane in planes), to_rows(block.seams).astype("<f8")]
    write_sealed(path, bytes(imagecodecs.zstd_encode(b"".join(part.tobytes() for part in parts), level=ZSTD_LEVEL)))


def read_block(path: Path, shape: tuple[int, int]) -> Block:
    """Return the block of `shape` (h, w) in `path`. Raises FileNotFoundError, DamagedFileError, or another OSError."""
    planes, rows, pixels = _decoded(path)
    if pixels.size != planes * shape[0] * shape[1] or planes not in (1, 2):
        raise DamagedFileError(f"{path}: holds another block")
    alphas = pixels.reshape(planes, *shape).astype(np.uint16, copy=False)
    return Block(alphas[0], from_rows(rows), alphas[1] if planes == 2 else None)


def read_seams(path: Path) -> tuple[Seam, ...]:
    """Return the seams of the block in `path`; raises as `read_block` does."""
    return from_rows(_decoded(path)[1])


def _decoded(path: Path) -> tuple[int, NDArray[np.float64], NDArray[np.uint16]]:
    """Return the number of planes, the rows of the seams, and the samples of all planes."""
    try:
        data = imagecodecs.zstd_decode(read_sealed(path))
        planes, seams = np.frombuffer(data, HEADER, 2).tolist()
        split = len(data) - 8 * FIELDS * seams
        rows = np.frombuffer(data, "<f8", FIELDS * seams, split).reshape(seams, FIELDS)
        return planes, rows, np.frombuffer(data[:split], "<u2", offset=2 * HEADER.itemsize)
    except (RuntimeError, ValueError) as error:  # the decoder's, the checksum's and NumPy's
        raise DamagedFileError(f"{path}: damaged") from error
