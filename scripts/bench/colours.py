#!/usr/bin/env python
"""Measure clean foreground colours against pictures whose foreground's colours are known.

    python scripts/bench/colours.py --renders FOLDER --cutouts FOLDER [FOLDER ...] > table.md

A folder of renders holds NAME.jpg, NAME_alpha.png and NAME_foreground.png, as `render_portraits.py` writes them. A
folder of cutouts holds NAME.jpg and NAME_alpha.png: each picture is composited with its true alpha over the next one,
and its own colours are the truth. Composites mix the values of sRGB, as editors do.

The figure is the mean absolute error of the colours, 0 to 255, weighted by the true alpha, of the pixels whose true
alpha is neither 0 nor 255. Each method is given the true alpha, and the alpha of `tiler.matte`.

  source       the picture's own colours
  clean        those of `--colours clean`
  ML           `estimate_foreground_ml` of pymatting, with its defaults (`pip install pymatting`; left out without it)
  blur fusion  M. Forte, ICIP 2021, as published: twice, with windows of 181 and 13 pixels

With --bounds, also what no method can know:

  true B       what each pixel's equation gives with its true background
  chosen       at each pixel the better one of source and clean
  open         the true colours wherever the alpha is not at its ends
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import tiler
from tiler.core.geometry import Box
from tiler.image.clean_colours import HALF_STEP, with_clean_colours
from tiler.progress import Silent

Pixels = NDArray[np.uint8]
Alpha = NDArray[np.uint16]
Colours = NDArray[np.floating[Any]]
WINDOWS_PX = (181, 13)
BOUNDS = ("true B", "chosen", "open")
# Where more of a pixel is foreground, its background is that of the pixels around.
MOST_OF_B, AROUND_PX = 0.9, 30


def main() -> int:
    """Print a table, a row for each picture and alpha, and then the ratios to ML; return the exit code."""
    args = _parser().parse_args()
    methods = _methods()
    columns = [*methods, *(BOUNDS if args.bounds else ())]
    print("| picture | alpha | " + " | ".join(columns) + " |\n|---|---|" + "---|" * len(columns))
    errors: dict[str, list[list[float]]] = {"true": [], "own": []}
    with tiler.open_model() as model:
        for name, picture, truth, front in (*_renders(args.renders), *_composites(args.cutouts)):
            for kind, alpha in (("true", truth), ("own", _own_alpha(picture, model))):
                row = [_error(method(picture, alpha), front, truth) for method in methods.values()]
                if args.bounds:
                    row += [_error(bound, front, truth) for bound in _bounds(picture, alpha, front, truth)]
                errors[kind].append(row)
                print(f"| {name} | {kind} | " + " | ".join(f"{error:.2f}" for error in row) + " |", flush=True)
    for kind, rows in errors.items():
        for base in set(methods) & {"ML", "source"}:
            ratios = np.array(rows) / np.array(rows)[:, [list(methods).index(base)]]
            means = np.exp(np.log(ratios).mean(axis=0))
            worst = ratios.max(axis=0)
            cells = " | ".join(f"{mean:.2f} ({most:.2f})" for mean, most in zip(means, worst, strict=True))
            print(f"| to {base}, mean (worst) | {kind} | {cells} |")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renders", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--cutouts", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--bounds", action="store_true")
    return parser


def _methods() -> dict[str, Callable[[Pixels, Alpha], Colours]]:
    methods: dict[str, Callable[[Pixels, Alpha], Colours]] = {
        "source": lambda picture, _: picture / np.float32(255),
        "clean": _clean,
        "blur fusion": _blur_fusion,
    }
    try:
        from pymatting import estimate_foreground_ml
    except ImportError:
        print("pymatting is not installed: ML is left out.", file=sys.stderr)
    else:
        methods["ML"] = lambda picture, alpha: np.asarray(estimate_foreground_ml(picture / 255.0, alpha / 65535.0))
    return methods


def _clean(picture: Pixels, alpha: Alpha) -> Colours:
    def read(box: Box) -> tuple[Pixels, Alpha]:
        return picture[box.slices], alpha[box.slices]

    read_clean = with_clean_colours(read, alpha.shape, picture.dtype, 2, Silent())
    return read_clean(Box.whole(alpha.shape))[0] / np.float32(255)


def _bounds(picture: Pixels, alpha: Alpha, front: Pixels, truth: Alpha) -> tuple[Colours, ...]:
    """Return the colours of each of `BOUNDS`."""
    image, true = picture / np.float32(255), front / np.float32(255)
    share, true_share = (steps[..., None] / np.float32(65535) for steps in (alpha, truth))
    seen = np.where(true_share < MOST_OF_B, 1 - true_share, 0)
    back = np.clip((image - true_share * true) / np.maximum(1 - true_share, np.float32(1e-3)), 0, 1)
    around = _mean(back * seen, 2 * AROUND_PX) / (_mean(seen, 2 * AROUND_PX) + np.float32(1e-6))
    back = np.where(seen > 0, back, around)
    ends = ((alpha <= HALF_STEP) | (alpha >= 65535 - HALF_STEP))[..., None]
    solved = np.clip((image - (1 - share) * back) / np.maximum(share, np.float32(1e-3)), 0, 1)
    clean = _clean(picture, alpha)
    better = (np.abs(clean - true).mean(axis=2) < np.abs(image - true).mean(axis=2))[..., None]
    return np.where(ends, image, solved), np.where(better, clean, image), np.where(ends, image, true)


def _blur_fusion(picture: Pixels, alpha: Alpha) -> Colours:
    image, share = picture / np.float32(255), (alpha / np.float32(65535))[..., None]
    front = back = image
    for size in WINDOWS_PX:
        front = _mean(front * share, size) / (_mean(share, size) + np.float32(1e-5))
        back = _mean(back * (1 - share), size) / (_mean(1 - share, size) + np.float32(1e-5))
        front = np.clip(front + share * (image - share * front - (1 - share) * back), 0, 1)
    return front


def _mean(values: Colours, size: int) -> Colours:
    return np.asarray(ndimage.uniform_filter(values, (size, size, 1), mode="nearest"))


def _error(found: Colours, front: Pixels, truth: Alpha) -> float:
    weights = np.where(truth < 65535, truth, 0).astype(np.float64)
    return float((np.abs(found * 255 - front).mean(axis=2) * weights).sum() / weights.sum())


def _own_alpha(picture: Pixels, model: Any) -> Alpha:
    with TemporaryDirectory() as folder:
        source, output = Path(folder, "picture.tif"), Path(folder, "alpha.tif")
        tifffile.imwrite(source, picture, photometric="rgb")
        tiler.matte(source, output, tiler.Settings.of(alpha_only=True, bits=16), model=model)
        return np.asarray(tifffile.imread(output), np.uint16)


def _renders(folders: Sequence[Path]) -> Iterator[tuple[str, Pixels, Alpha, Pixels]]:
    """Yield name, picture, true alpha and true colours."""
    for path in sorted(path for folder in folders for path in folder.glob("*_foreground.png")):
        name = path.name.removesuffix("_foreground.png")
        yield name, _rgb(path.with_name(f"{name}.jpg")), _alpha(path.with_name(f"{name}_alpha.png")), _rgb(path)


def _composites(folders: Sequence[Path]) -> Iterator[tuple[str, Pixels, Alpha, Pixels]]:
    """Yield the same of each picture, composited over the next one."""
    paths = [path for folder in folders for path in sorted(folder.glob("*.jpg"))]
    for path, other in zip(paths, paths[1:] + paths[:1], strict=True):
        front, alpha = _rgb(path), _alpha(path.with_name(f"{path.stem}_alpha.png"))
        back = np.asarray(Image.open(other).convert("RGB").resize(alpha.shape[::-1], Image.Resampling.BICUBIC))
        share = (alpha / 65535)[..., None]
        yield path.stem, np.rint(share * front + (1 - share) * back).astype(np.uint8), alpha, front


def _rgb(path: Path) -> Pixels:
    return np.asarray(Image.open(path).convert("RGB"))


def _alpha(path: Path) -> Alpha:
    return np.asarray(Image.open(path).convert("L"), np.uint16) * np.uint16(257)


if __name__ == "__main__":
    sys.exit(main())
