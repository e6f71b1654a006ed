"""A cutout as it is laid over something: its colours as RGB, its alpha, and the light that they mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.compositing import srgb_curve
from tiler.core.geometry import Box
from tiler.core.light import Light
from tiler.image.clean_colours import ReadBoth
from tiler.image.colour import profile_colour, to_srgb
from tiler.image.depth import to_depth, to_steps
from tiler.image.icc import curve_of
from tiler.image.layers.target import Target
from tiler.image.pyramid import build
from tiler.image.source import Pixels, Source
from tiler.progress import Progress


@dataclass(frozen=True, slots=True)
class Cutout:
    """A cutout that can be read.

    target: what its samples are. read: a box to its colours, (h, w, 3) in these samples, and its alpha, 65535 =
    foreground. light: of its samples. mixing: that in which it is mixed.
    """

    target: Target
    read: ReadBoth
    light: Light
    mixing: Light


@contextmanager
def opened_cutout(
    path: Path, source: Source, *, gamma: bool, again: bool, scratch: Path, progress: Progress
) -> Iterator[Cutout]:
    """Give the cutout `source`, whose file is `path`, and say what is not as asked for.

    gamma: its samples are mixed as they are. again: it is read in any order, and more than once; scratch: a directory
    for its samples, if the file does not allow that.
    """
    icc, is_light = source.metadata.icc, source.dtype.kind == "f"
    if source.colour != "rgb":
        progress.note(f"{path}: The colours are converted to sRGB from {source.colour}.")
    keeps = source.colour == "rgb" and not is_light and icc is not None and profile_colour(icc) == "rgb"
    target = Target(source.shape, source.dtype, icc if keeps else None)
    if is_light and gamma:
        progress.note(f"{path}: The samples are light already, and are mixed as such.")
    curve = None if is_light else curve_of(target.icc)
    if curve is None and not is_light:
        if not gamma:
            progress.note(f"{path}: The profile states no curves; those of sRGB are used for the mixing.")
        curve = srgb_curve()
    light = Light(curve, source.dtype)
    with _at_random(source, again, scratch, progress) as read:

        def read_both(box: Box) -> tuple[Pixels, NDArray[np.uint16]]:
            samples = read(box)
            return _rgb(samples[..., :-1], source), to_steps(samples[..., -1])

        yield Cutout(target, read_both, light, Light(None, source.dtype) if gamma else light)


@contextmanager
def _at_random(source: Source, again: bool, scratch: Path, progress: Progress) -> Iterator[Any]:
    """Give a function from a box to the samples of the source."""
    if source.random_access or not again:
        yield source.read
        return
    with TemporaryDirectory(dir=scratch, prefix=".cutout-") as folder:
        yield build(source, [source.shape], Path(folder), progress).native


def _rgb(pixels: NDArray[Any], source: Source) -> NDArray[Any]:
    if source.colour == "rgb":
        return pixels
    if source.colour == "grey":
        return np.repeat(pixels, 3, axis=2)
    return to_depth(to_srgb(pixels, source.colour, source.metadata.icc), source.dtype)
