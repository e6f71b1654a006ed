#!/usr/bin/env python
"""Score matting against pictures whose true alpha is known.

A folder holds NAME.jpg (or .png, .tif) and NAME_alpha.png. One network mattes every picture in several ways:

  shrink       the picture is shrunk to the working size of the guide and its alpha enlarged bicubically, as most people
               do: one of the views that the engine asks for
  tiles        every tile of the full picture by itself, cross-faded, as tiling scripts do
  tiler        this engine, from file to file
  truth        the true alpha of every tile under the guide constraint: the best that a fusion can do which keeps it
  closed-form  closed-form matting of what the guide leaves uncertain, in the place of fusion (`pip install pymatting`)

To try another fusion, add it to FUSIONS. The figures are those of `tiler.metrics`, over the picture and over the band
around its edges, and their ratios to `shrink`; below 1 is better. Photographs above 4K with a true alpha are rare, so
scale can be emulated: with a guide of 256 px, a quarter of the working size of the network, a picture of 1080 px stands
for one of 4300 px. Half of the pictures, every other one of each folder by name, is for choosing a method, the other
half for confirming the choice.

    python scripts/bench/score.py FOLDER [FOLDER ...] --guide-px 256 --json score.json
    python scripts/bench/score.py people animals --guide-px 256 --half choose --ways tiler truth
"""

import json
import sys
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

import tiler
from scenes import (
    Alpha,
    Figures,
    Opened,
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
from tiler.core.constraint import constrain
from tiler.core.geometry import Box
from tiler.core.guide import SATURATED
from tiler.core.plan import Level, Plan
from tiler.engine.graph import on_threads
from tiler.engine.scene import Fuse, Scene
from tiler.engine.solve import solve
from tiler.image.colour import to_network
from tiler.model.session import Session, open_session
from tiler.model.views import AS_IT_IS
from tiler.progress import Silent
from tiler.settings import default_threads

TruthOf = Callable[[NDArray[np.float32]], Alpha]

FIRST = "shrink"
HALVES = {"choose": slice(0, None, 2), "final": slice(1, None, 2), "all": slice(None)}


def main() -> int:
    """Score, print a table, write JSON."""
    options = parser(__doc__, "guide-px", "tile-px", "overlap-px", "network-levels")
    options.add_argument("folders", nargs="+", type=Path)
    options.add_argument("--ways", nargs="+", choices=[FIRST, "tiles", "tiler", *FUSIONS], default=["tiles", "tiler"])
    options.add_argument("--half", choices=list(HALVES), default="all")
    options.add_argument(
        "--perfect-guide", action="store_true", help="the guide is the truth, reduced; shrink enlarges it"
    )
    options.add_argument("--json", type=Path, help="write every figure of every picture here")
    options.add_argument("--keep", type=Path, help="keep the alphas in this directory")
    chosen = options.parse_args()
    settings = settings_of(chosen, alpha_only=True, bits=16)
    pictures = [path for folder in chosen.folders for path in pictures_in([folder])[HALVES[chosen.half]]]
    with closing(open_session(settings.compute, Silent())) as network:

        def measure(path: Path) -> Figures:
            truth, found = read_truth(path), {}
            with opened(path, network, settings) as picture:
                used = with_guide(settings, truth, picture) if chosen.perfect_guide else settings
                for way in dict.fromkeys([FIRST, *chosen.ways]):
                    alpha = alpha_by(way, path, picture, truth, used, network)
                    found[way] = scores(alpha, truth)
                    if chosen.keep:
                        write_alpha(alpha, chosen.keep / f"{path.stem}_{way}.png")
            return found

        results = figures_by_picture(pictures, measure)
    print(table(results))
    if chosen.json:
        chosen.json.write_text(json.dumps({"settings": vars(chosen), "pictures": results}, indent=2, default=str))
    return 0


def alpha_by(way: str, path: Path, picture: Opened, truth: Alpha, settings: tiler.Settings, network: Session) -> Alpha:
    """Return the alpha of the picture in one way, (h, w) in 0..1."""
    full, base = picture.plan.levels[0], picture.plan.levels[-1]
    if way == FIRST:
        if settings.hints.guide is not None:
            small = shaped(truth, base.shape, Image.Resampling.BOX)
        else:
            small = network.alpha(to_network(picture.pyramid.read(base.index, Box.whole(base.shape))))
        return np.clip(shaped(small, full.shape, Image.Resampling.BICUBIC), 0, 1)
    if way == "tiler":
        output = picture.folder / "alpha.png"
        tiler.matte(path, output, settings, model=network)
        return np.asarray(np.asarray(Image.open(output)) / 65535, np.float32)
    if way == "tiles":
        alone = Plan((Level(0, full.rows, full.cols, None),))
        return solved(picture.scene(way, plan=alone, views=(AS_IT_IS,), fuse=take_tile))
    return solved(picture.scene(way, fuse=FUSIONS[way](picture, truth)))


def with_guide(settings: tiler.Settings, truth: Alpha, picture: Opened) -> tiler.Settings:
    """Return settings whose guide is the truth at the size of the base."""
    small = shaped(truth, picture.plan.levels[-1].shape, Image.Resampling.BOX)
    path = picture.folder / "guide.tif"
    tifffile.imwrite(path, np.rint(np.clip(small, 0, 1) * 65535).astype(np.uint16))
    return settings.with_options(guide=path)


def solved(scene: Scene) -> Alpha:
    """Return the alpha that the engine makes of a scene."""
    solve(scene, on_threads(default_threads()))
    return scene.canvas.alpha(0, Box.whole(scene.plan.shapes[0]))


def shaped(alpha: Alpha, shape: tuple[int, int], how: Image.Resampling) -> Alpha:
    """Return `alpha` enlarged or shrunk to `shape`."""
    return np.asarray(Image.fromarray(alpha).resize((shape[1], shape[0]), how))


def constrained_truth(picture: Opened, truth: Alpha) -> Fuse:
    """Return the fusion that answers every tile of the picture with the truth, under the guide constraint."""
    known = truth_of_tiles(picture, truth)
    return lambda _tile, guide, rgb, guide_scale, *_: constrain(known(rgb), guide, guide_scale)


def truth_of_tiles(picture: Opened, truth: Alpha) -> TruthOf:
    """Return what gives the truth, reduced, of a tile of the picture, by its pixels."""
    known: dict[bytes, Alpha] = {}
    for level in picture.plan.levels[:-1]:
        small = shaped(truth, level.shape, Image.Resampling.BOX)
        for tile in level.tiles:
            box = level.read(*tile)
            known[digest(to_network(picture.pyramid.read(level.index, box)))] = small[box.slices]
    return lambda rgb: known[digest(rgb)]


def digest(rgb: NDArray[np.float32]) -> bytes:
    """Return the sha256 of the pixels and their shape."""
    return sha256(repr(rgb.shape).encode() + rgb.tobytes()).digest()


def closed_form(_tile: Alpha | None, guide: Alpha, rgb: NDArray[np.float32], *_: float | Alpha | None) -> Alpha:
    """Return the guide where it is saturated, and solve for the rest by closed-form matting.

    A. Levin, D. Lischinski, Y. Weiss, "A closed-form solution to natural image matting", IEEE TPAMI 30(2), 2008.
    """
    from pymatting import estimate_alpha_cf  # type: ignore[import-untyped, import-not-found, unused-ignore]

    unknown = (guide > SATURATED) & (guide < 1 - SATURATED)
    if not unknown.any() or unknown.all():
        return guide
    alpha = estimate_alpha_cf(rgb.astype(np.float64) / 255, np.where(unknown, 0.5, np.rint(guide)).astype(np.float64))
    return np.asarray(np.where(unknown, np.clip(alpha, 0, 1), guide), np.float32)


FUSIONS: dict[str, Callable[[Opened, Alpha], Fuse]] = {
    "truth": constrained_truth,
    "closed-form": lambda _picture, _truth: closed_form,
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
    """Return the means over the pictures, the ratios of the means to `shrink`, and the worst picture of each way."""
    ways = list(next(iter(results.values())))
    names = list(next(iter(results.values()))[FIRST])
    mean = {way: [float(np.mean([result[way][name] for result in results.values()])) for name in names] for way in ways}
    lines = [f"{len(results)} pictures, means", "", f"| way | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {way} | {' | '.join(f'{figure:.4g}' for figure in mean[way])} |" for way in ways]
    for way in ways[1:]:
        ratios = (one / first for one, first in zip(mean[way], mean[FIRST], strict=True))
        lines.append(f"| {way} / {FIRST} | {' | '.join(f'{ratio:.3f}' for ratio in ratios)} |")
    lines.append("")
    for way in ways[1:]:
        by_path = {path: result[way]["MAD"] / result[FIRST]["MAD"] for path, result in results.items()}
        worst = max(by_path, key=lambda path: by_path[path])
        lines.append(f"worst picture by MAD: {Path(worst).name}, {way} / {FIRST} {by_path[worst]:.3f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
