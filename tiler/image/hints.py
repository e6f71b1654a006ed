"""What a person knows beforehand: an alpha of another tool as the guide, and a trimap of known pixels.

Both are read once, as libvips decodes them, and kept in the work folder: the guide at the size of the base, the trimap
at the size of the picture, memory-mapped. So every process of a cluster sees the same.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from tiler.core.geometry import Box, Span
from tiler.errors import InputError
from tiler.settings import HintOptions

Alpha = NDArray[np.float32]
Shape = tuple[int, int]

GUIDE, TRIMAP = "guide.npy", "trimap.npy"
BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255
# A guide fits a picture if, at the picture's width, it is off by at most so many rows: rounding of the smaller file.
MOST_ROUNDING_PX = 1
# Rows of the trimap that are copied at once.
BAND_PX = 256


@dataclass(frozen=True, eq=False)
class Hints:
    """What is known beforehand.

    guide: (h, w) float32 in 0..1, the alpha of the base; None: the network is asked. trimap: (h, w) uint8 at the size
    of the picture, 0 where a pixel is known to be background, 255 where foreground, any other number where it is not
    known; None: nothing is known.
    """

    guide: Alpha | None = None
    trimap: NDArray[np.uint8] | None = None


NOTHING = Hints()


def known_in(trimap: NDArray[np.uint8], box: Box, shape: Shape) -> NDArray[np.uint8]:
    """Return what a trimap of the full picture says of a `box` of a level of `shape`, in whose pixels the box is.

    Returns (h, w) uint8: 0 or 255 as in the trimap, and 128 where the pixel is not known. A pixel of a smaller level is
    known if all pixels of the picture that it covers are known to be the same.
    """
    rows = _covered(box.rows, shape[0], trimap.shape[0])
    cols = _covered(box.cols, shape[1], trimap.shape[1])
    part = np.asarray(trimap[rows[0][0] : rows[1][-1], cols[0][0] : cols[1][-1]])
    low, high = (_reduced(_reduced(part, rows, 0, how), cols, 1, how) for how in (np.minimum, np.maximum))
    known = np.where(high == BACKGROUND, BACKGROUND, np.where(low == FOREGROUND, FOREGROUND, UNKNOWN))
    return known.astype(np.uint8)


def clamped(alpha: Alpha, known: NDArray[np.uint8] | None) -> Alpha:
    """Return `alpha`, (h, w) float32, with the pixels that are `known` exactly 0 or 1."""
    if known is None:
        return alpha
    return np.where(known == BACKGROUND, np.float32(0), np.where(known == FOREGROUND, np.float32(1), alpha))


def keep_hints(folder: Path, options: HintOptions, full: Shape, base: Shape) -> Hints:
    """Read the guide and the trimap that `options` name into `folder`, made if need be; return what they hold.

    full, base: (height, width) of the picture and of its base. Of a file with an alpha channel that channel counts, of
    any other the first. Raises InputError if a file cannot be read or does not fit the picture, with both shapes.
    """
    guide, trimap = options.guide, options.trimap
    if guide is not None or trimap is not None:
        folder.mkdir(exist_ok=True)
    if guide is not None:
        image = _opened(guide)
        if abs(image.height * full[1] / image.width - full[0]) > MOST_ROUNDING_PX * max(1, full[1] / image.width):
            raise _misfit(guide, image, full, "the same proportions")
        np.save(folder / GUIDE, _guide(guide, image, base))
    if trimap is not None:
        image = _opened(trimap)
        if (image.height, image.width) != full:
            raise _misfit(trimap, image, full, "the same size")
        _copy_trimap(trimap, image, folder / TRIMAP)
    return kept_hints(folder)


def kept_hints(folder: Path) -> Hints:
    """Return the hints that `keep_hints` has left in `folder`."""
    guide, trimap = folder / GUIDE, folder / TRIMAP
    return Hints(
        guide=np.load(guide) if guide.exists() else None,
        trimap=np.load(trimap, mmap_mode="r") if trimap.exists() else None,
    )


def _opened(path: Path) -> pyvips.Image:
    """Return the one channel that counts, as it is in the file."""
    try:
        image = pyvips.Image.new_from_source(
            pyvips.Source.new_from_file(os.fsencode(path)), "", access="sequential", fail_on="warning"
        )
    except pyvips.Error as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"{path}: cannot be read: {reason}.", "Give a PNG, a TIFF, a JPEG or a WebP.") from error
    return image[image.bands - 1] if image.hasalpha() else image[0]


def _guide(path: Path, image: pyvips.Image, base: Shape) -> Alpha:
    full_scale = {"uchar": 255, "ushort": 65535, "float": 1}.get(image.format)
    if full_scale is None:
        raise InputError(f"{path}: its samples are of type {image.format}.", "Give 8 or 16 bits a channel.")
    height, width = base
    try:
        small = image.cast("float").resize(width / image.width, vscale=height / image.height)
        values = np.ndarray((height, width), np.float32, small.write_to_memory()) / np.float32(full_scale)
    except pyvips.Error as error:
        raise InputError(f"{path}: is damaged: {str(error).strip()}.", "Write it again.") from error
    return np.clip(values, 0, 1)


def _copy_trimap(path: Path, image: pyvips.Image, target: Path) -> None:
    if image.format != "uchar":
        raise InputError(f"{path}: a trimap has 8 bits; this one is of type {image.format}.", "Write 0, 128 and 255.")
    kept = np.lib.format.open_memmap(target, "w+", np.uint8, (image.height, image.width))
    try:
        for top in range(0, image.height, BAND_PX):
            rows = min(BAND_PX, image.height - top)
            band = image.crop(0, top, image.width, rows).write_to_memory()
            kept[top : top + rows] = np.frombuffer(band, np.uint8).reshape(rows, image.width)
    except pyvips.Error as error:
        raise InputError(f"{path}: is damaged: {str(error).strip()}.", "Write it again.") from error
    kept.flush()


def _misfit(path: Path, image: pyvips.Image, full: Shape, wanted: str) -> InputError:
    return InputError(
        f"{path}: it has {image.width} x {image.height} px, and the picture {full[1]} x {full[0]} px.",
        f"Give a file of {wanted}.",
    )


def _covered(span: Span, size: int, full: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the pixels of the full picture that each pixel of `span` covers start and stop, (n,) each."""
    at = np.arange(span.start, span.stop)
    return at * full // size, -(-(at + 1) * full // size)


def _reduced(
    values: NDArray[np.uint8], covered: tuple[NDArray[np.int64], NDArray[np.int64]], axis: int, how: np.ufunc
) -> NDArray[np.uint8]:
    """Return the least or greatest of the `values` that each pixel covers, along one axis."""
    starts, stops = (one - covered[0][0] for one in covered)
    size = values.shape[axis]
    # Neighbours may share a pixel, so each runs from its own start to its own stop.
    bounds = np.stack([starts, np.minimum(stops, size)], axis=1).ravel()
    padded = np.concatenate([values, values.take([-1], axis=axis)], axis=axis)
    return np.asarray(how.reduceat(padded, bounds, axis=axis).take(np.arange(0, len(bounds), 2), axis=axis))
