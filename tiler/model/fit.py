"""From a picture to what a network is fed, and from what it answers to an alpha: pure functions of its contract."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tiler.model.contract import Input, Layout, Output, Trimap

Plane = NDArray[np.float32]
Pixels = NDArray[np.float32]
Shape = tuple[int, int]
T = TypeVar("T")
Resize = Callable[[Pixels, Shape], Pixels]

WHITE = np.float32(255)
TO_NCHW = (2, 0, 1)
FROM_NCHW = (1, 2, 0)
# Fits that resize a picture without regard to its aspect.
ONE_SIZE = ("square-squash", "fixed")


def fed(rgb: Pixels, given: Input, square: Shape, hint: Plane | None = None) -> Pixels:
    """Return what the network is fed for the (h, w, 3) float32 RGB pixels `rgb`, 0..255.

    square: (height, width) of what it takes, where it takes one size. hint: the trimap, (h, w) float32 of 0, 0.5 and 1,
    which becomes one channel more where the network takes it so.
    """
    pixels = sized(rgb, given, square)
    pixels = pixels if given.channels == "rgb" else pixels[..., ::-1]
    shape = fitted_shape(rgb.shape[:2], given, square)
    if given.pad == "zero":
        pixels = padded(normalised(pixels, given), shape, given)
    else:
        pixels = normalised(padded(pixels, shape, given), given)
    if given.trimap is not None and given.trimap.tensor is None:
        assert hint is not None
        pixels = np.concatenate([pixels, _trimap(hint, given.trimap, given, square)], axis=-1)
    return _laid_out(pixels, given.layout)


def trimap_fed(hint: Plane, said: Trimap, given: Input, square: Shape) -> Pixels:
    """Return what a tensor of its own for the trimap is fed; `hint` and `square` as in `fed`."""
    return _laid_out(_trimap(hint, said, given, square), given.layout)


def alpha_of(answer: NDArray[np.float32], given: Input, said: Output, shape: Shape, square: Shape) -> Plane:
    """Return the (h, w) float32 alpha that `answer` to a picture of `shape` means; 0..1, or beyond if it overshoots.

    Where the network takes any size, an answer that is smaller than the picture stays as small.
    """
    planes = planes_of(answer, given.layout)
    alpha = activated(planes, said) / np.float32(said.scale)
    alpha = unfitted(alpha, given, shape, square)
    return stretched(alpha) if said.stretch == "minmax" else alpha


def sized(pixels: Pixels, given: Input, square: Shape, resize: Resize | None = None) -> Pixels:
    """Return (h, w, channels) pixels in the size in which the network sees them, with nothing beside them yet.

    resize: how they come to another size; if None, as colours do.
    """
    resize = resize or _resized_pixels
    if given.fit in ONE_SIZE:
        return resize(pixels, square)
    return resize(pixels, letterbox(pixels.shape[:2], square)) if given.fit == "square-letterbox" else pixels


def fitted_shape(shape: Shape, given: Input, square: Shape) -> Shape:
    """Return the (height, width) of what the network is fed for a picture of `shape`."""
    if given.fit in ONE_SIZE or given.fit == "square-letterbox":
        return square
    return shape[0] + -shape[0] % given.multiple_px, shape[1] + -shape[1] % given.multiple_px


def padded(pixels: Pixels, shape: Shape, given: Input) -> Pixels:
    """Return the (h, w, channels) `pixels` continued to `shape`, below and to the right."""
    rows, cols = shape[0] - pixels.shape[0], shape[1] - pixels.shape[1]
    if not rows and not cols:
        return pixels
    how = given.pad or ("black" if given.fit == "square-letterbox" else "mirror")
    around = ((0, rows), (0, cols), (0, 0))
    if how == "mirror":
        return np.pad(pixels, around, mode="symmetric")
    return np.pad(pixels, around, mode="edge" if how == "edge" else "constant")


def unfitted(alpha: Plane, given: Input, shape: Shape, square: Shape) -> Plane:
    """Return the (h, w) plane `alpha` at the `shape` of the picture: what is beside it is cut off."""
    if given.fit in ONE_SIZE:
        return resized(alpha, shape)
    if given.fit == "square-letterbox":
        inner = letterbox(shape, square)
        right, bottom = (alpha.shape[1] * inner[1] / square[1], alpha.shape[0] * inner[0] / square[0])
        return resized(alpha, shape, (0, 0, right, bottom))
    return alpha[: shape[0], : shape[1]]


def letterbox(shape: Shape, square: Shape) -> Shape:
    """Return the largest (height, width) of the aspect of `shape` that lies in `square`."""
    ratio = min(square[0] / shape[0], square[1] / shape[1])
    return max(1, round(shape[0] * ratio)), max(1, round(shape[1] * ratio))


def normalised(pixels: Pixels, given: Input) -> Pixels:
    """Return (pixels / 255 x scale - mean) / std, channel by channel; what changes no number is left out."""
    if given.scale != WHITE:
        pixels = pixels * np.float32(given.scale / 255)
    if any(given.mean):
        pixels = pixels - np.asarray(given.mean, np.float32)
    if set(given.std) != {1.0}:
        pixels = np.divide(pixels, np.asarray(given.std, np.float32), dtype=np.float32)
    return pixels


def planes_of(answer: Pixels, layout: Layout) -> Pixels:
    """Return an answer for one picture as (h, w, channels)."""
    picture: Pixels = answer if layout == "hwc" else answer[0]
    return picture.transpose(FROM_NCHW) if layout == "nchw" else picture


def rows_and_cols(shape: Sequence[T], layout: Layout) -> tuple[T, T]:
    """Return height and width among the sizes of a tensor's axes."""
    rows = layout.index("h")
    return shape[rows], shape[rows + 1]


def activated(planes: Pixels, said: Output) -> Plane:
    """Return the plane of the alpha among `planes`, (h, w, channels), after the activation."""
    plane: Plane = planes[..., said.channel]
    if said.activation == "sigmoid":
        # The odds of a negative number only: no exponential overflows.
        odds = np.exp(-np.abs(plane))
        return np.asarray(np.where(plane >= 0, 1, odds) / (1 + odds), np.float32)
    if said.activation == "softmax":
        return np.asarray(1 / np.exp(np.clip(planes - plane[..., None], None, 80)).sum(-1), np.float32)
    return plane


def stretched(alpha: Plane) -> Plane:
    """Return `alpha` with its least value at 0 and its greatest at 1; a plane of one value as it is."""
    least, greatest = alpha.min(), alpha.max()
    return np.asarray((alpha - least) / (greatest - least) if greatest > least else alpha, np.float32)


def resized(plane: Plane, shape: Shape, box: tuple[float, float, float, float] | None = None) -> Plane:
    """Return (h, w) float32 resized to `shape` by a cubic that is widened where it shrinks, as Pillow does it.

    box: (left, top, right, bottom) of the part that is shown, in pixels of `plane`, which may be fractions; all of it
    if None.
    """
    size = (shape[1], shape[0])
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC, box=box), np.float32)


def _resized_pixels(rgb: Pixels, shape: Shape) -> Pixels:
    planes = [resized(np.ascontiguousarray(rgb[..., channel]), shape) for channel in range(3)]
    return np.clip(np.stack(planes, axis=-1), 0, WHITE)


def _trimap(hint: Plane, said: Trimap, given: Input, square: Shape) -> Pixels:
    """Return the trimap at a size that the network takes, in its numbers, (h, w, 1)."""
    shown = sized(hint[..., None], given, square, _nearest)
    # What is black or 0 beside the picture is background.
    classes = np.rint(2 * padded(shown, fitted_shape(hint.shape, given, square), given)).astype(np.intp)
    return np.asarray(said.values, np.float32)[classes]


def _nearest(planes: Pixels, shape: Shape) -> Pixels:
    """Return (h, w, 1) resized to `shape` without values that were not there."""
    image = Image.fromarray(np.ascontiguousarray(planes[..., 0]))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.NEAREST), np.float32)[..., None]


def _laid_out(pixels: Pixels, layout: Layout) -> Pixels:
    if layout == "nchw":
        pixels = pixels.transpose(TO_NCHW)
    return np.ascontiguousarray(pixels if layout == "hwc" else pixels[None])
