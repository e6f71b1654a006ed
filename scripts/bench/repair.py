#!/usr/bin/env python
"""Make runs bad on purpose, mend them, and compare: how far tiles are apart, and how far the matte is from the truth.

Bad is: every tile runs, they overlap by 16 px, and nothing is fused: each answer stands as the network gave it.

  bad            as that leaves it
  tiles alone    mended with shifted tiles that are not fused either: what the shifted grid can do by itself
  mended         mended with shifted tiles that are fused with their guide, as `--mend` does
  sound          the same tiles and overlap, fused from the start: what a run is that was never bad

With --wide the pictures are put side by side instead, as one wide picture whose small one is seen in several tiles, and
nothing is made bad:

  as it is       what a run gives
  mended         the same with `--mend`
  finding        with `--dense-levels 1`, where tiles may add to what the small picture shows
  finding, mended

worst: the worst place of all seams of all levels, in steps of 255; ratio: of that, to the first way. above: seams
above the limit, of all. mean: disagreement over all uncertain pixels. MAD: mean |alpha - truth| in thousandths, where
a NAME_alpha.png lies beside the picture.

    python scripts/bench/repair.py PICTURE [PICTURE ...] [--guide-px 256 --tile-px 512] [--json mend.json]
    python scripts/bench/repair.py PICTURE [PICTURE ...] --wide [--turn-px 300]
"""

import argparse
import json
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import tiler
from tiler import metrics
from tiler.core.fusion import fuse
from tiler.core.geometry import Box
from tiler.core.seams import judge
from tiler.engine.repair import mend
from tiler.engine.solve import Fuse, Mend, Scene, on_threads, solve
from tiler.image.open import open_source
from tiler.image.pyramid import build
from tiler.model.tensorflow_runtime import Session, open_session
from tiler.progress import Silent
from tiler.recipe import plan_for
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal

Alpha = NDArray[np.float32]
Figures = dict[str, float]

BAD_OVERLAP_PX = 16


@dataclass(frozen=True)
class Way:
    """How a run goes: as the arguments of `tiler.engine.solve.solve` and of its scene."""

    fuse: Fuse
    mend: Mend | None
    dense: bool = True
    finding: int = 0


def main() -> int:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--model", default="modnet")
    parser.add_argument("--guide-px", type=int)
    parser.add_argument("--tile-px", type=int)
    parser.add_argument("--wide", action="store_true", help="one wide picture, and nothing made bad")
    parser.add_argument("--turn-px", type=int, default=0, help="turn the wide picture by so much")
    parser.add_argument("--json", type=Path, help="write the figures of every picture here")
    options = parser.parse_args()
    settings = tiler.Settings.of(
        model=options.model,
        guide_px=options.guide_px,
        tile_px=options.tile_px,
        overlap_px=None if options.wide else BAD_OVERLAP_PX,
    )
    results: dict[str, dict[str, Figures]] = {}
    with closing(open_session(settings.compute, Silent())) as network, tempfile.TemporaryDirectory() as scratch:
        pictures = [wide(options.pictures, options.turn_px, Path(scratch))] if options.wide else options.pictures
        for number, path in enumerate(pictures, 1):
            print(f"{number} of {len(pictures)}: {path.name}", file=sys.stderr)
            results[str(path)] = measured(path, settings, network, SOUND if options.wide else BAD)
            print(table({str(path): results[str(path)]}), file=sys.stderr)
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps({"settings": vars(options), "pictures": results}, indent=2, default=str))
    return 0


def alone(tile_alpha: Alpha, _guide: Alpha, _rgb: NDArray[np.float32], _guide_px: float, /) -> Alpha:
    """Return the tile's answer as it is."""
    return tile_alpha


BAD = {
    "bad": Way(alone, None),
    "tiles alone": Way(alone, partial(mend, fuse=alone)),
    "mended": Way(alone, partial(mend, fuse=fuse)),
    "sound": Way(fuse, None),
}
SOUND = {
    "as it is": Way(fuse, None, dense=False),
    "mended": Way(fuse, mend, dense=False),
    "finding": Way(fuse, None, dense=False, finding=1),
    "finding, mended": Way(fuse, mend, dense=False, finding=1),
}


def wide(paths: list[Path], turn_px: int, folder: Path) -> Path:
    """Put pictures side by side, at the height of the first, and their alphas likewise; return where the picture is."""
    with Image.open(paths[0]) as first:
        height = first.height

    def joined(paths: list[Path], mode: str) -> NDArray[np.uint8]:
        parts = []
        for path in paths:
            with Image.open(path) as picture:
                size = round(picture.width * height / picture.height), height
                parts.append(np.asarray(picture.convert(mode).resize(size)))
        return np.roll(np.concatenate(parts, axis=1), turn_px, axis=1)

    Image.fromarray(joined(paths, "RGB")).save(folder / "wide.png")
    truths = [truth_of(path) for path in paths]
    if all(truth.exists() for truth in truths):
        Image.fromarray(joined(truths, "L")).save(truth_of(folder / "wide.png"))
    return folder / "wide.png"


def truth_of(path: Path) -> Path:
    """Return where the true alpha of a picture lies."""
    return path.with_name(f"{path.stem}_alpha.png")


def measured(path: Path, settings: tiler.Settings, network: Session, ways: dict[str, Way]) -> dict[str, Figures]:
    """Return the figures of each way."""
    with closing(open_source(path)) as source, tempfile.TemporaryDirectory() as scratch:
        plan = plan_for(source.shape, network.card, settings.matting)
        pyramid = build(source, plan.shapes, Path(scratch) / "pyramid", Silent())

        def figures_of(name: str, way: Way) -> Figures:
            canvas, journal = Canvas(Path(scratch) / name / "canvas", plan), Journal(Path(scratch) / name / "journal")
            scene = Scene(plan, pyramid, network, way.fuse, canvas, journal, Silent())
            return figures(path, scene, way, settings.compute.thread_count)

        return {name: figures_of(name, way) for name, way in ways.items()}


def figures(path: Path, scene: Scene, way: Way, threads: int) -> Figures:
    """Run one way, and return what came of it."""
    canvas = scene.canvas
    reports = solve(scene, on_threads(threads), dense=way.dense, finding=way.finding, mend=way.mend)
    judged = judge(canvas.seams())
    found = {
        "worst": 255 * judged.worst[0].worst if judged.worst else 0.0,
        "mean": 255 * judged.mean,
        "above": judged.above,
        "seams": judged.count,
        "tiles": sum(report.tiles_run + (report.mending.tiles_run if report.mending else 0) for report in reports),
    }
    if truth_of(path).exists():
        truth = np.asarray(Image.open(truth_of(path)).convert("L"), np.float32) / 255
        found["mad"] = 1000 * metrics.mad(canvas.alpha(0, Box.whole(scene.plan.shapes[0])), truth)
    return found


def table(results: dict[str, dict[str, Figures]]) -> str:
    """Return a line for each picture and way."""
    lines = ["| picture | way | worst | ratio | above | mean | tiles run | MAD |", "|---|---|---|---|---|---|---|---|"]
    for path, result in results.items():
        first = next(iter(result.values()))["worst"]
        for way, found in result.items():
            ratio = found["worst"] / first if first else 1.0
            mad = f"{found['mad']:.1f}" if "mad" in found else ""
            lines.append(
                f"| {Path(path).name} | {way} | {found['worst']:.1f} | {ratio:.3f} | {found['above']} of "
                f"{found['seams']} | {found['mean']:.2f} | {found['tiles']} | {mad} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
