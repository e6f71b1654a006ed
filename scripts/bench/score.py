#!/usr/bin/env python
"""Score matting against pictures whose true alpha is known.

A folder holds NAME.jpg (or .png, .tif) and NAME_alpha.png. One network mattes every picture in three ways:

  shrink   the picture is shrunk to the working size of the guide and its alpha enlarged bicubically, as most people do;
           the small picture is the base of the engine, so this is the guide of the engine, enlarged
  tiles    every tile of the full picture by itself, cross-faded, as tiling scripts do
  tiler    this engine, from file to file

The figures are those of `tiler.metrics`, over the picture and over the band around its edges, and their ratios to
`shrink`; below 1 is better. Photographs above 4K with a true alpha are rare, so scale can be emulated: with a guide of
256 px, a quarter of the working size of the network, a picture of 1080 px stands for one of 4300 px.

    python scripts/bench/score.py FOLDER [FOLDER ...] --guide-px 256 --json score.json
"""

import json
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

import tiler
from scenes import (
    Alpha,
    Figures,
    band_px,
    figures_by_picture,
    opened,
    parser,
    pictures_in,
    read_truth,
    settings_of,
    take_tile,
    write_alpha,
)
from tiler import metrics
from tiler.core.geometry import Box
from tiler.core.plan import Level, Plan
from tiler.engine.solve import on_threads, solve
from tiler.image.colour import to_network
from tiler.model.tensorflow_runtime import Session, open_session
from tiler.progress import Silent

WAYS = ("shrink", "tiles", "tiler")


def main() -> int:
    """Score, print a table, write JSON."""
    options = parser(__doc__, "guide-px", "tile-px", "overlap-px")
    options.add_argument("folders", nargs="+", type=Path)
    options.add_argument("--json", type=Path, help="write every figure of every picture here")
    options.add_argument("--keep", type=Path, help="keep the alphas of all three ways in this directory")
    chosen = options.parse_args()
    settings = settings_of(chosen, alpha_only=True, bits=16)
    with closing(open_session(settings.compute, Silent())) as network:

        def measure(path: Path) -> Figures:
            alphas = by_ways(path, settings, network)
            for way, alpha in alphas.items():
                if chosen.keep:
                    write_alpha(alpha, chosen.keep / f"{path.stem}_{way}.png")
            truth = read_truth(path)
            return {way: scores(alpha, truth) for way, alpha in alphas.items()}

        results = figures_by_picture(pictures_in(chosen.folders), measure)
    print(table(results))
    if chosen.json:
        chosen.json.write_text(json.dumps({"settings": vars(chosen), "pictures": results}, indent=2, default=str))
    return 0


def by_ways(path: Path, settings: tiler.Settings, network: Session) -> dict[str, Alpha]:
    """Return the alpha of the picture in every way, (h, w) in 0..1."""
    with opened(path, network, settings) as picture:
        full, base = picture.plan.levels[0], picture.plan.levels[-1]
        small = network.alpha(to_network(picture.pyramid.read(base.index, Box.whole(base.shape))))
        enlarged = Image.fromarray(small).resize((full.shape[1], full.shape[0]), Image.Resampling.BICUBIC)
        unguided = picture.scene(plan=Plan((Level(0, full.rows, full.cols, None),)), fuse=take_tile)
        solve(unguided, on_threads(settings.compute.thread_count))
        output = picture.folder / "alpha.png"
        tiler.matte(path, output, settings, model=network)
        return {
            "shrink": np.clip(np.asarray(enlarged), 0, 1),
            "tiles": unguided.canvas.alpha(0, Box.whole(full.shape)),
            "tiler": np.asarray(np.asarray(Image.open(output)) / 65535, np.float32),
        }


def scores(alpha: Alpha, truth: Alpha) -> dict[str, float]:
    """Return every metric of one alpha, over the picture and over the band."""
    where = metrics.band(truth, band_px(truth.shape))
    return {
        "MAD": metrics.mad(alpha, truth),
        "SAD": metrics.sad(alpha, truth),
        "MSE": metrics.mse(alpha, truth),
        "Grad": metrics.grad(alpha, truth),
        "Conn": metrics.conn(alpha, truth),
        "MSE band": metrics.mse(alpha, truth, where),
        "SAD band": metrics.sad(alpha, truth, where),
        "Grad band": metrics.grad(alpha, truth, where),
    }


def table(results: dict[str, Figures]) -> str:
    """Return the means over the pictures, the ratios of the means to `shrink`, and the worst ratio of a picture."""
    names = list(next(iter(results.values()))["shrink"])
    mean = {way: {name: float(np.mean([r[way][name] for r in results.values()])) for name in names} for way in WAYS}
    lines = [f"{len(results)} pictures, means", "", f"| way | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {way} | " + " | ".join(f"{mean[way][name]:.4g}" for name in names) + " |" for way in WAYS]
    lines += [
        f"| {way} / shrink | " + " | ".join(f"{mean[way][name] / mean['shrink'][name]:.3f}" for name in names) + " |"
        for way in WAYS[1:]
    ]
    ratios = {path: result["tiler"]["MAD"] / result["shrink"]["MAD"] for path, result in results.items()}
    worst = max(ratios, key=lambda path: ratios[path])
    lines += ["", f"worst picture by MAD: {Path(worst).name}, tiler / shrink {ratios[worst]:.3f}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
