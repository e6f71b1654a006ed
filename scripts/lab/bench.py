"""Try methods of making detail side by side, on pictures whose true alpha is known.

A folder holds NAME.jpg and NAME_alpha.png. Each method takes the fuse's place in the engine, which runs unchanged: at
every level the guide is what the method made of the level below. The guide at the base is the network's own answer to
a small picture (`real`), or the truth averaged down to that size (`perfect`), which tells what a method does to a
guide that has no fault but its size. Figures are means over the pictures, divided by those of the guide enlarged;
`coarse` is the part of a method's own band MSE that would be left if all that is finer than a pixel of the base were
right, which no detail can mend.

Half of the pictures, every other one of each folder by name, is for choosing; the others are for confirming a choice
that is made.

    PYTHONPATH=scripts python -m lab people animals --half choose --methods guide shipped closed-form
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import thread_time
from typing import cast

import numpy as np
from bench.score import BAND_OF_SHORT_SIDE, is_scored, truth_of
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import tiler
from lab.doors import Forgetful, Knowing, Levels, Remembering, Sheet
from lab.ideas import IDEAS
from lab.methods import BASELINES
from tiler import metrics
from tiler.core.geometry import Box
from tiler.core.plan import Plan
from tiler.engine.solve import Fuse, Scene, on_threads, solve
from tiler.model.network import Network
from tiler.model.tensorflow_runtime import open_session
from tiler.progress import Silent
from tiler.recipe import plan_for
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal

Alpha = NDArray[np.float32]
METHODS = BASELINES | IDEAS
FIGURES = ("MAD", "band MSE", "Grad", "coarse band MSE")
BAND_MSE, COARSE = FIGURES.index("band MSE"), FIGURES.index("coarse band MSE")
DIVISOR = "guide"
# The method whose tiles are the truth.
TOLD = "truth, obeying"
HALVES = {"choose": slice(0, None, 2), "final": slice(1, None, 2), "all": slice(None)}


@dataclass
class Case:
    """One picture under one emulation: its plan, levels, truth and band, and the base if that is given."""

    name: str
    plan: Plan
    levels: Levels
    truth: Alpha
    band: metrics.Mask
    given: dict[int, Alpha]


@dataclass
class Timed:
    """A fuse that counts its calls and the processor seconds in them."""

    fuse: Fuse
    calls: int = 0
    seconds: float = 0.0

    def __call__(self, tile_alpha: Alpha, guide: Alpha, rgb: NDArray[np.float32], guide_scale: float, /) -> Alpha:
        began = thread_time()
        alpha = self.fuse(tile_alpha, guide, rgb, guide_scale)
        self.calls += 1
        self.seconds += thread_time() - began
        return alpha


def main() -> int:
    """Run, and print one table for each kind of guide and each scale."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__, formatter_class=_AsWritten)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--half", choices=list(HALVES), default="choose")
    parser.add_argument("--guides", nargs="+", choices=("real", "perfect"), default=("real", "perfect"))
    parser.add_argument("--guide-px", nargs="+", type=int, default=(512, 256, 128), help="2x, 4x, 8x on 1080 px")
    parser.add_argument("--model", default="modnet")
    parser.add_argument("--cache-dir", type=Path, default=Path("detail-cache"), help="where answers are remembered")
    parser.add_argument("--keep", type=Path, help="keep the alphas in this directory")
    options = parser.parse_args()
    paths = [path for folder in options.folders for path in half_of(folder, options.half)]
    if not paths:
        print(f"No NAME.jpg beside a NAME_alpha.png in {', '.join(map(str, options.folders))}.", file=sys.stderr)
        return 1
    names = list(dict.fromkeys([DIVISOR, *options.methods]))
    settings = tiler.Settings.of(model=options.model)
    network = Remembering(open_session(settings.compute, Silent()), options.cache_dir)
    for guide in options.guides:
        for guide_px in options.guide_px:
            results: dict[str, list[list[float]]] = {name: [] for name in names}
            timed = {name: Timed(METHODS[name](network)) for name in names}
            for path in paths:
                case = open_case(path, network, guide_px, perfect=guide == "perfect")
                for name in names:
                    asked: Network = network
                    if name == TOLD:
                        asked = Knowing(case.plan, case.levels, case.truth, network)
                    alpha = solved(case, asked, timed[name], on_threads(1))
                    results[name].append(figures(alpha, case))
                    if options.keep:
                        options.keep.mkdir(parents=True, exist_ok=True)
                        kept = Image.fromarray(np.rint(alpha * 255).astype(np.uint8))
                        kept.save(options.keep / f"{case.name}-{guide}-{guide_px}-{name}.png")
            print(f"\n{guide} guide of {guide_px} px, {len(paths)} pictures ({options.half})\n")
            print("\n".join(table(results, {name: _each(timed[name]) for name in names}, [p.stem for p in paths])))
    return 0


def half_of(folder: Path, half: str) -> list[Path]:
    """Return the pictures of the folder that belong to `half`, by name."""
    return [path for path in sorted(folder.iterdir()) if is_scored(path)][HALVES[half]]


def open_case(path: Path, network: Network, guide_px: int, *, perfect: bool) -> Case:
    """Return the picture `path` as a network of that comfort size would be given it."""
    truth: Alpha = np.asarray(Image.open(truth_of(path)).convert("L"), np.float32) / np.float32(255)
    height, width = truth.shape
    plan = plan_for((height, width), network.card, tiler.MattingOptions(guide_px=guide_px))
    where = metrics.band(truth, max(1, round(BAND_OF_SHORT_SIDE * min(truth.shape))))
    base = plan.levels[-1]
    small = Image.fromarray(truth).resize((base.shape[1], base.shape[0]), Image.Resampling.BOX)
    given = {base.index: np.asarray(small)} if perfect else {}
    return Case(path.stem, plan, Levels(path, plan), truth, where, given)


def solved(case: Case, network: Network, fuse: Fuse, run: Callable[..., object]) -> Alpha:
    """Return what the engine makes of a case with this fuse, (h, w) in 0..1."""
    sheet = Sheet(case.plan, case.given)
    canvas, journal = cast(Canvas, sheet), cast(Journal, Forgetful())
    solve(Scene(case.plan, case.levels, network, fuse, canvas, journal, Silent(), strict=True), run)
    return sheet.alpha(0, Box.whole(case.plan.levels[0].shape))


def figures(alpha: Alpha, case: Case) -> list[float]:
    """Return the `FIGURES` of one alpha."""
    base_px = [size / small for size, small in zip(alpha.shape, case.plan.levels[-1].shape, strict=True)]
    coarse = ndimage.gaussian_filter(alpha - case.truth, base_px)
    return [
        metrics.mad(alpha, case.truth),
        metrics.mse(alpha, case.truth, case.band),
        metrics.grad(alpha, case.truth),
        metrics.mse(coarse, np.zeros_like(coarse), case.band),
    ]


def table(results: dict[str, list[list[float]]], seconds: dict[str, float], pictures: list[str]) -> Iterable[str]:
    """Yield the lines of a table: means as they are for the divisor, and every method's divided by them."""
    base = np.array(results[DIVISOR])
    yield "| | MAD | band MSE | Grad | coarse | worst MAD | its picture | ms a tile |"
    yield "|---|---|---|---|---|---|---|---|"
    means = " | ".join(f"{mean:.4g}" for mean in base.mean(axis=0)[:COARSE])
    yield f"| {DIVISOR}, not divided | {means} | {_coarse(base):.2f} | | | {1000 * seconds[DIVISOR]:.0f} |"
    for name, rows in results.items():
        if name == DIVISOR:
            continue
        found = np.array(rows)
        ratios = " | ".join(f"{ratio:.3f}" for ratio in (found.mean(axis=0) / base.mean(axis=0))[:COARSE])
        each = found[:, 0] / base[:, 0]
        worst = int(each.argmax())
        rest = f"{_coarse(found):.2f} | {each[worst]:.3f} | {pictures[worst]} | {1000 * seconds[name]:.0f}"
        yield f"| {name} | {ratios} | {rest} |"


def _coarse(rows: NDArray[np.float64]) -> float:
    return float(rows[:, COARSE].mean() / rows[:, BAND_MSE].mean())


def _each(timed: Timed) -> float:
    return timed.seconds / max(timed.calls, 1)


class _AsWritten(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Help with the description as it stands and the defaults beside the options."""
