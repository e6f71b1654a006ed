#!/usr/bin/env python
"""Make runs bad on purpose, repair them, and compare the disagreement of tiles and the distance from the truth.

Bad means: every tile runs, tiles overlap by 16 px, and the alpha of a tile is taken as the network gave it.

  bad            not repaired
  tiles alone    repaired with shifted tiles that are not fused either: what the shifted grid can do alone
  repaired       repaired with shifted tiles that are fused with their guide, as in a run
  sound          the same tiles and overlap, fused from the start: a run that was never bad

With --wide the pictures are put side by side, as one wide picture whose base is seen in several tiles, and nothing is
made bad:

  as it is            what a run gives
  repaired            the same, repaired
  dense level            with one dense level, in which tiles may add to what the base shows
  dense level, repaired  the same, repaired

worst: the worst place of all seams of all levels, of 255; ratio: of that to the first way. above: seams above the
limit, of all. mean: disagreement over all uncertain pixels, of 255. MAD: in thousandths, where NAME_alpha.png is beside
the picture.

    python scripts/bench/repair.py PICTURE [PICTURE ...] [--guide-px 256 --tile-px 512]
    python scripts/bench/repair.py PICTURE [PICTURE ...] --wide [--turn-px 300]
"""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scenes import Figures, figures_by_picture, opened, parser, read_truth, settings_of, take_tile, truth_path
from tiler import metrics
from tiler.core.fusion import fuse
from tiler.core.geometry import Box
from tiler.core.seams import judge
from tiler.engine.graph import on_threads
from tiler.engine.repair import repair
from tiler.engine.scene import Fuse, Scene
from tiler.engine.solve import Repair, solve
from tiler.model.session import open_session
from tiler.progress import Silent

BAD_OVERLAP_PX = 16


@dataclass(frozen=True)
class Way:
    """How a run goes, as arguments of `tiler.engine.solve.solve` and of its scene."""

    fuse: Fuse
    repair: Repair | None
    dense: bool = True
    dense_levels: int = 0


BAD = {
    "bad": Way(take_tile, None),
    "tiles alone": Way(take_tile, partial(repair, fuse=take_tile)),
    "repaired": Way(take_tile, partial(repair, fuse=fuse)),
    "sound": Way(fuse, None),
}
WIDE = {
    "as it is": Way(fuse, None, dense=False),
    "repaired": Way(fuse, repair, dense=False),
    "dense level": Way(fuse, None, dense=False, dense_levels=1),
    "dense level, repaired": Way(fuse, repair, dense=False, dense_levels=1),
}


def main() -> int:
    """Measure and print a table."""
    options = parser(__doc__, "guide-px", "tile-px")
    options.add_argument("pictures", nargs="+", type=Path)
    options.add_argument("--wide", action="store_true", help="one wide picture; nothing is made bad")
    options.add_argument("--turn-px", type=int, default=0, help="turn the wide picture by so many columns")
    chosen = options.parse_args()
    settings = settings_of(chosen, overlap_px=None if chosen.wide else BAD_OVERLAP_PX)
    with closing(open_session(settings.compute, Silent())) as network, tempfile.TemporaryDirectory() as scratch:

        def measure(path: Path) -> Figures:
            with opened(path, network, settings) as picture:
                return {
                    name: figures(path, picture.scene(name, fuse=way.fuse), way, settings.compute.thread_count)
                    for name, way in (WIDE if chosen.wide else BAD).items()
                }

        pictures = [side_by_side(chosen.pictures, chosen.turn_px, Path(scratch))] if chosen.wide else chosen.pictures
        print(table(figures_by_picture(pictures, measure)))
    return 0


def side_by_side(paths: Sequence[Path], turn_px: int, folder: Path) -> Path:
    """Put the pictures side by side at the height of the first, and their truths if all have one; return the path."""
    with Image.open(paths[0]) as first:
        height = first.height

    def joined(paths: Sequence[Path], mode: str) -> NDArray[np.uint8]:
        parts = []
        for path in paths:
            with Image.open(path) as picture:
                size = round(picture.width * height / picture.height), height
                parts.append(np.asarray(picture.convert(mode).resize(size)))
        return np.roll(np.concatenate(parts, axis=1), turn_px, axis=1)

    Image.fromarray(joined(paths, "RGB")).save(folder / "wide.png")
    truths = [truth_path(path) for path in paths]
    if all(truth.exists() for truth in truths):
        Image.fromarray(joined(truths, "L")).save(truth_path(folder / "wide.png"))
    return folder / "wide.png"


def figures(path: Path, scene: Scene, way: Way, threads: int) -> dict[str, float]:
    """Run one way and return its figures."""
    reports = solve(scene, on_threads(threads), dense=way.dense, dense_levels=way.dense_levels, repair=way.repair)
    judged = judge(scene.canvas.seams())
    found = {
        "worst": 255 * judged.worst[0].worst if judged.worst else 0.0,
        "mean": 255 * judged.mean,
        "above": judged.above,
        "seams": judged.count,
        "tiles": sum(report.tiles_run + (report.repair.tiles_run if report.repair else 0) for report in reports),
    }
    if truth_path(path).exists():
        found["mad"] = 1000 * metrics.mad(scene.canvas.alpha(0, Box.whole(scene.plan.shapes[0])), read_truth(path))
    return found


def table(results: dict[str, Figures]) -> str:
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
