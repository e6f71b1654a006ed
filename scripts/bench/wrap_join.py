#!/usr/bin/env python
"""Measure whether a panorama of a full turn shows where its left and right ends meet.

The panorama is a portrait repeated a few times around; the join cuts the first in two. It is matted as it is, and once
more turned, so that the join lies between two people; then that matte is turned back. Both mattes show the same people,
and the join alone is elsewhere. The disagreement of the two is their mean difference over the pixels where either is
uncertain, or where they differ: in the columns of the person at the join, and in a narrow strip at the join, against
the same columns of the other people. A run without wrapping is shown for comparison.

    python scripts/bench/wrap_join.py examples/portrait.jpg
"""

import sys
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from scenes import Alpha, parser, settings_of
from tiler.core.guide import SATURATED
from tiler.model.session import Session, open_model
from tiler.run import matte
from tiler.settings import Settings

PEOPLE = 5
# How far the picture is turned, in people, with and without wrapping: its join then lies between two people.
TURNS = {True: (2.5, 1.5, 3.5), False: (2.5,)}
STRIP_PX = 128


def main() -> int:
    """Print a table."""
    options = parser(__doc__)
    options.add_argument("picture", type=Path)
    options.add_argument("--height-px", type=int, default=2048)
    chosen = options.parse_args()
    panorama, step_px = around(chosen.picture, chosen.height_px)
    print(f"{panorama.shape[1]} x {panorama.shape[0]} px, {PEOPLE} people, {chosen.model}\n")
    print("| | turned by | columns | at the join | elsewhere | each of them |\n|---|---|---|---|---|---|")
    with closing(open_model(chosen.model, precision=chosen.precision)) as network:
        for wrap, turns in TURNS.items():
            settings = settings_of(chosen, wrap=wrap, alpha_only=True, bits=16)
            alpha = matted(panorama, settings, network)
            for turn in turns:
                by_px = round(turn * step_px)
                other = np.roll(matted(np.roll(panorama, by_px, axis=1), settings, network), -by_px, axis=1)
                for name, width_px in (("person", step_px), ("strip", STRIP_PX)):
                    join, *others = [disagreement(alpha, other, n * step_px, width_px) for n in range(PEOPLE)]
                    each = ", ".join(f"{value:.4f}" for value in others)
                    cells = f"{by_px} px | {name}, {width_px} px | {join:.4f} | {np.mean(others):.4f} | {each}"
                    print(f"| {'wrapping' if wrap else 'not wrapping'} | {cells} |", flush=True)
    return 0


def around(path: Path, height_px: int) -> tuple[NDArray[np.uint8], int]:
    """Return (h, w, 3) pixels of people side by side, the middle of the first at column 0, and the step in pixels."""
    picture = Image.open(path).convert("RGB")
    step_px = round(picture.width * height_px / picture.height / 2) * 2
    person = np.asarray(picture.resize((step_px, height_px), Image.Resampling.LANCZOS))
    return np.roll(np.tile(person, (1, PEOPLE, 1)), -(step_px // 2), axis=1), step_px


def matted(pixels: NDArray[np.uint8], settings: Settings, network: Session) -> Alpha:
    """Return the alpha (h, w), 0..1, from file to file."""
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "panorama.tif", Path(folder) / "alpha.tif"
        tifffile.imwrite(source, pixels, photometric="rgb", metadata=None)
        matte(source, output, settings, model=network)
        return np.asarray(tifffile.imread(output) / np.float32(65535), np.float32)


def disagreement(alpha: Alpha, other: Alpha, centre: int, width_px: int) -> float:
    """Return the disagreement of two mattes in the columns around `centre`, on both sides of the join if need be."""
    columns = np.arange(centre - width_px // 2, centre + width_px // 2) % alpha.shape[1]
    one, two = alpha[:, columns], other[:, columns]
    off = np.abs(one - two)
    counted = (np.minimum(one, 1 - one) > SATURATED) | (np.minimum(two, 1 - two) > SATURATED) | (off > SATURATED)
    return float(off[counted].mean()) if counted.any() else 0.0


if __name__ == "__main__":
    sys.exit(main())
