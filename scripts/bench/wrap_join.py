#!/usr/bin/env python
"""Whether a full panorama shows where its left and right ends meet.

The panorama is a portrait repeated a few times around, the first of them cut in two by the join. It is matted as it
is and turned, so that the join comes to lie between two people; turned back, the two mattes show the same people, and
only the join is elsewhere. How far they are apart is the disagreement, averaged over the pixels of which either matte
is uncertain or on which they differ: about the person across the join, and in a narrow strip at the join itself,
against the same columns of the others, whom no join touches. Without wrapping is shown for comparison.

    python scripts/bench/wrap_join.py examples/portrait.jpg
"""

import argparse
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

import tiler
from tiler.core.guide import SATURATED
from tiler.model.tensorflow_runtime import Session

PEOPLE = 5
# In steps from one person to the next: the join of the turned picture falls between two people.
TURNS = {True: (2.5, 1.5, 3.5), False: (2.5,)}
STRIP_PX = 128


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--height-px", type=int, default=2048)
    parser.add_argument("--model", default="modnet")
    options = parser.parse_args()
    panorama, step_px = around(options.picture, options.height_px)
    print(f"{panorama.shape[1]} x {panorama.shape[0]} px, {PEOPLE} people, {options.model}\n")
    print("| | turned by | columns | at the join | elsewhere | each of them |\n|---|---|---|---|---|---|")
    with closing(tiler.open_model(options.model)) as network:
        for wrap, turns in TURNS.items():
            settings = tiler.Settings.of(model=options.model, wrap=wrap, alpha_only=True, bits=16)
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


def matted(pixels: NDArray[np.uint8], settings: tiler.Settings, network: Session) -> NDArray[np.float32]:
    """Return the alpha (h, w), 0..1, from file to file."""
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "panorama.tif", Path(folder) / "alpha.tif"
        tifffile.imwrite(source, pixels, photometric="rgb", metadata=None)
        tiler.matte(source, output, settings, model=network)
        return np.asarray(tifffile.imread(output) / np.float32(65535), np.float32)


def disagreement(alpha: NDArray[np.float32], other: NDArray[np.float32], centre: int, width_px: int) -> float:
    """Return how far two mattes are apart in the columns around `centre`, going on around the join if need be.

    It is the mean over the pixels where either is neither sure foreground nor sure background, or they differ.
    """
    columns = np.arange(centre - width_px // 2, centre + width_px // 2) % alpha.shape[1]
    one, two = alpha[:, columns], other[:, columns]
    off = np.abs(one - two)
    counted = (np.minimum(one, 1 - one) > SATURATED) | (np.minimum(two, 1 - two) > SATURATED) | (off > SATURATED)
    return float(off[counted].mean()) if counted.any() else 0.0


if __name__ == "__main__":
    sys.exit(main())
