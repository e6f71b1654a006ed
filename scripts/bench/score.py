#!/usr/bin/env python
"""Score matting against pictures whose true alpha is known.

A folder holds NAME.jpg (or .png, .tif) and NAME_alpha.png. Three ways are scored side by side with one network:

  shrink   the picture shrunk to the network's comfort size, its alpha enlarged bicubically: what most people do; the
           small picture is the engine's own base, so this is also the engine's guide, simply enlarged
  tiles    every full-size tile by itself, feathered together: what tiling scripts do
  tiler    this engine

Every figure is also given as a ratio to `shrink`; below 1 is better. Real photographs above 4K with a true alpha
are rare, so scale can be emulated: --guide-px 256 gives the network a quarter of its comfortable size, and a
1080 px picture then stands to it as a 4300 px picture does to a network of 1024.

    python scripts/bench/score.py FOLDER [FOLDER ...] --guide-px 256 --json score.json
"""

import argparse
import json
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import tiler
from tiler import metrics
from tiler.core.geometry import Box
from tiler.core.plan import Level, Plan
from tiler.engine.solve import Scene, on_threads, solve
from tiler.image.colour import to_network
from tiler.image.open import open_source
from tiler.image.pyramid import build
from tiler.model.tensorflow_runtime import Session, open_session
from tiler.progress import Silent
from tiler.recipe import plan_for
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal

Alpha = NDArray[np.float32]
Scores = dict[str, float]

WAYS = ("shrink", "tiles", "tiler")
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
# The band reaches 1 % of the short side beyond the true edge: as far as hair is usually drawn in a trimap.
BAND_OF_SHORT_SIDE = 0.01


def main() -> int:
    """Score, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="modnet")
    parser.add_argument("--guide-px", type=int)
    parser.add_argument("--tile-px", type=int)
    parser.add_argument("--overlap-px", type=int)
    parser.add_argument("--json", type=Path, help="write every figure of every picture here")
    parser.add_argument("--keep", type=Path, help="keep the alphas of all three ways in this directory")
    options = parser.parse_args()
    settings = tiler.Settings.of(
        model=options.model,
        guide_px=options.guide_px,
        tile_px=options.tile_px,
        overlap_px=options.overlap_px,
        alpha_only=True,
        bits=16,
    )
    pictures = [path for folder in options.folders for path in sorted(folder.iterdir()) if is_scored(path)]
    if not pictures:
        print(f"No NAME.jpg beside a NAME_alpha.png in {', '.join(map(str, options.folders))}.", file=sys.stderr)
        return 1
    results: dict[str, dict[str, Scores]] = {}
    network = open_session(settings.compute, Silent())
    for number, path in enumerate(pictures, 1):
        print(f"{number} of {len(pictures)}: {path.name}", file=sys.stderr)
        results[str(path)] = score(path, settings, network, options.keep)
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps({"settings": vars(options), "pictures": results}, indent=2, default=str))
    return 0


def truth_of(path: Path) -> Path:
    """Return where the true alpha of a picture lies."""
    return path.with_name(f"{path.stem}_alpha.png")


def is_scored(path: Path) -> bool:
    """Return whether `path` is a picture with its true alpha beside it."""
    return path.suffix.lower() in PICTURE_SUFFIXES and truth_of(path).exists()


def score(path: Path, settings: tiler.Settings, network: Session, keep: Path | None) -> dict[str, Scores]:
    """Return way -> metric -> figure for one picture."""
    truth: Alpha = np.asarray(Image.open(truth_of(path)).convert("L"), np.float32) / np.float32(255)
    plan = plan_for(truth.shape, network.card, settings.matting)
    alphas = {
        **without_tiler(path, plan, network, settings),
        "tiler": by_tiler(path, settings),
    }
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        for way, alpha in alphas.items():
            Image.fromarray(np.rint(alpha * 255).astype(np.uint8)).save(keep / f"{path.stem}_{way}.png")
    where = metrics.band(truth, max(1, round(BAND_OF_SHORT_SIDE * min(truth.shape))))
    return {way: figures(alpha, truth, where) for way, alpha in alphas.items()}


def figures(alpha: Alpha, truth: Alpha, band: metrics.Mask) -> Scores:
    """Return every metric of one alpha, over the picture and over the uncertain band."""
    return {
        "MAD": metrics.mad(alpha, truth),
        "SAD": metrics.sad(alpha, truth),
        "MSE": metrics.mse(alpha, truth),
        "Grad": metrics.grad(alpha, truth),
        "Conn": metrics.conn(alpha, truth),
        "MSE band": metrics.mse(alpha, truth, band),
        "SAD band": metrics.sad(alpha, truth, band),
        "Grad band": metrics.grad(alpha, truth, band),
    }


def without_tiler(path: Path, plan: Plan, network: Session, settings: tiler.Settings) -> dict[str, Alpha]:
    """Return the alphas of `shrink` and `tiles`."""
    full, base = plan.levels[0], plan.levels[-1]
    unguided = Plan((Level(0, full.rows, full.cols, None),))
    with closing(open_source(path)) as source, tempfile.TemporaryDirectory() as scratch:
        pyramid = build(source, plan.shapes, Path(scratch) / "pyramid", Silent())
        small = Image.fromarray(network.alpha(to_network(pyramid.read(base.index, Box.whole(base.shape)))))
        shrink = small.resize((full.shape[1], full.shape[0]), Image.Resampling.BICUBIC)
        canvas = Canvas(Path(scratch) / "canvas", unguided)
        scene = Scene(unguided, pyramid, network, tile_alone, canvas, Journal(Path(scratch) / "journal"), Silent())
        solve(scene, on_threads(settings.compute.thread_count))
        return {
            "shrink": np.clip(np.asarray(shrink, np.float32), 0, 1),
            "tiles": canvas.alpha(0, Box.whole(full.shape)),
        }


def tile_alone(tile_alpha: Alpha, _guide: Alpha, _rgb: Alpha, _guide_px: float) -> Alpha:
    """Return the tile's own answer: no fusing."""
    return tile_alpha


def by_tiler(path: Path, settings: tiler.Settings) -> Alpha:
    """Return the alpha that `tiler matte` writes."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "alpha.png"
        tiler.matte(path, out, settings)
        return np.asarray(np.asarray(Image.open(out)) / 65535, dtype=np.float32)


def table(results: dict[str, dict[str, Scores]]) -> str:
    """Return the means over pictures as text, then the ratios to `shrink`, then the worst picture's MAD ratio."""
    names = list(next(iter(results.values()))["shrink"])
    lines = [
        f"{len(results)} pictures, means",
        "",
        "| way | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    mean = {way: {name: float(np.mean([r[way][name] for r in results.values()])) for name in names} for way in WAYS}
    lines += [f"| {way} | " + " | ".join(f"{mean[way][name]:.4g}" for name in names) + " |" for way in WAYS]
    lines += [
        f"| {way} / shrink | " + " | ".join(f"{mean[way][name] / mean['shrink'][name]:.3f}" for name in names) + " |"
        for way in WAYS[1:]
    ]

    def ratio(path: str) -> float:
        return results[path]["tiler"]["MAD"] / results[path]["shrink"]["MAD"]

    worst = max(results, key=ratio)
    lines += ["", f"worst picture by MAD: {Path(worst).name}, tiler / shrink {ratio(worst):.3f}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
