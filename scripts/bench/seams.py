#!/usr/bin/env python
"""Compare how well tiles agree, and what blending leaves of their disagreement, with one network and one tile size.

  tiler      this engine: tiles fused with the guide, cross-faded over half of their overlap
  feathered  tiles by themselves, cross-faded in the same way
  gaussian   as MONAI's `sliding_window_inference(mode="gaussian")`: windows exp(-x^2 / 2 s^2), s = 1/8 of the tile, at
             least 0.001, overlap 0.25, the last tile moved back into the picture
             (https://github.com/Project-MONAI/MONAI, monai/data/utils.py, monai/inferers/utils.py)
  hann, triang, overlap-tile
             as the PyPI package `tiler` merges with those windows, overlap 0.25: scipy's windows, and the plain middle
             of each tile (https://github.com/the-lay/tiler, tiler/merger.py)

before: |a - b| of neighbouring tiles where both have a say, mean over uncertain pixels, in steps of 255.
after:  blending makes of tiles a_k with weights w_k the sum of w_k a_k. From one pixel to the next that changes by the
        tiles' own steps, weighted, and by the sum of (change of w_k) x a_k: the step that blending brings in, 0 where
        tiles agree. Mean and greatest of it over the uncertain pixels of all overlaps, in steps of 255 for each pixel.

    python scripts/bench/seams.py FOLDER [FOLDER ...] [--guide-px 256 --tile-px 512] [--json seams.json]
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import windows

import tiler
from tiler.core.fusion import fuse
from tiler.core.geometry import Box, Span
from tiler.core.guide import uncertain_tiles
from tiler.core.plan import Level
from tiler.core.seams import uncertain
from tiler.engine.solve import Scene, answer, guide_of, on_threads, solve
from tiler.image.colour import to_network
from tiler.image.open import open_source
from tiler.image.pyramid import Pyramid, build
from tiler.model.tensorflow_runtime import Session, open_session
from tiler.progress import Silent
from tiler.recipe import plan_for
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal

Alpha = NDArray[np.float32]
Window = Callable[[int], NDArray[np.float64]]
Figures = dict[str, float]

OVERLAP = 0.25
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}


@dataclass(frozen=True, eq=False)
class Weighted:
    """A tile's answer over `box`, and its weight there, (h, w) each."""

    box: Box
    alpha: Alpha
    weight: Alpha


Grid = dict[tuple[int, int], Weighted]


def main() -> int:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="modnet")
    parser.add_argument("--guide-px", type=int)
    parser.add_argument("--tile-px", type=int)
    parser.add_argument("--json", type=Path, help="write the figures of every picture here")
    options = parser.parse_args()
    settings = tiler.Settings.of(model=options.model, guide_px=options.guide_px, tile_px=options.tile_px)
    pictures = [
        path
        for folder in options.folders
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.stem.endswith("_alpha")
    ]
    if not pictures:
        print(f"No pictures in {', '.join(map(str, options.folders))}.", file=sys.stderr)
        return 1
    results: dict[str, dict[str, Figures]] = {}
    network = open_session(settings.compute, Silent())
    for number, path in enumerate(pictures, 1):
        print(f"{number} of {len(pictures)}: {path.name}", file=sys.stderr)
        results[str(path)] = {way: figures(grid) for way, grid in ways(path, settings, network)}
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps({"settings": vars(options), "pictures": results}, indent=2, default=str))
    return 0


def ways(path: Path, settings: tiler.Settings, network: Session) -> Iterator[tuple[str, Grid]]:
    """Yield the name of each way and its tiles of the full picture."""
    with closing(open_source(path)) as source, tempfile.TemporaryDirectory() as scratch:
        plan = plan_for(source.shape, network.card, settings.matting)
        pyramid = build(source, plan.shapes, Path(scratch) / "pyramid", Silent())
        level = plan.levels[0]
        canvas = Canvas(Path(scratch) / "canvas", plan)
        scene = Scene(plan, pyramid, network, fuse, canvas, Journal(Path(scratch) / "journal"), Silent())
        solve(scene, on_threads(settings.compute.thread_count))
        yield "tiler", engine_tiles(scene, level)
        alone = {tile: see(pyramid, network, level.read(*tile)) for tile in level.tiles}
        yield "feathered", {tile: ours(level, tile, alpha) for tile, alpha in alone.items()}
        tile_px = level.rows.tile_px
        rows, cols = slid(level.shape[0], tile_px), slid(level.shape[1], tile_px)
        slided = {
            (i, j): (Box(row, col), see(pyramid, network, Box(row, col)))
            for i, row in enumerate(rows)
            for j, col in enumerate(cols)
        }
        for name, window in WINDOWS.items():
            yield name, {tile: theirs(box, alpha, window, level.shape) for tile, (box, alpha) in slided.items()}


def engine_tiles(scene: Scene, level: Level) -> Grid:
    """Return the engine's tiles: those that ran, and the guide where the others are."""

    def below(box: Box) -> Alpha:
        return scene.canvas.alpha(level.index + 1, box)

    ran = uncertain_tiles(below, level, scene.plan.levels[level.index + 1])
    return {
        tile: ours(
            level,
            tile,
            answer(scene, level, level.read(*tile)) if tile in ran else guide_of(scene, level, level.read(*tile)),
        )
        for tile in level.tiles
    }


def see(pyramid: Pyramid, network: Session, box: Box) -> Alpha:
    """Return the network's own answer for `box`."""
    return network.alpha(to_network(pyramid.read(0, box)))


def ours(level: Level, tile: tuple[int, int], alpha: Alpha) -> Weighted:
    """Return `alpha`, given over what a tile reads, with this engine's weights over what it has a say in."""
    support = level.support(*tile)
    weight = level.rows.ramp(tile[0])[:, None] * level.cols.ramp(tile[1])
    return Weighted(support, alpha[support.within(level.read(*tile)).slices], weight)


def theirs(box: Box, alpha: Alpha, window: Window, shape: tuple[int, int]) -> Weighted:
    """Return `alpha` with the weights of a window; flat towards the picture's edge, where there is no other tile."""
    rows, cols = (
        open_ended(window(span.size), span, size) for span, size in ((box.rows, shape[0]), (box.cols, shape[1]))
    )
    return Weighted(box, alpha, np.asarray(rows[:, None] * cols, np.float32))


def open_ended(weight: NDArray[np.float64], span: Span, size: int) -> NDArray[np.float64]:
    """Return a window that does not fall towards an edge of the picture: both packages see beyond it by padding."""
    middle = int(weight.argmax())
    weight = weight.copy()
    if span.start == 0:
        weight[:middle] = weight[middle]
    if span.stop == size:
        weight[middle:] = weight[middle]
    return weight


def slid(size: int, tile_px: int) -> list[Span]:
    """Return tiles at a stride of 3/4 of their side; the last is moved back into the picture."""
    if size <= tile_px:
        return [Span(0, size)]
    stride = int(tile_px * (1 - OVERLAP))
    starts = [*range(0, size - tile_px, stride), size - tile_px]
    return [Span(start, start + tile_px) for start in starts]


def gaussian(size: int) -> NDArray[np.float64]:
    """Return MONAI's importance map in one dimension."""
    x = np.arange(size) - (size - 1) / 2
    return np.asarray(np.maximum(np.exp(-(x**2) / (2 * (size / 8) ** 2)), 1e-3))


def middle_only(size: int) -> NDArray[np.float64]:
    """Return 1 in the part of a tile that is nobody else's, up to the middle of each overlap."""
    edge = int(size * OVERLAP) // 2
    weight = np.zeros(size)
    weight[edge : size - edge] = 1
    return weight


WINDOWS: dict[str, Window] = {
    "gaussian": gaussian,
    # An open window: scipy's own ends in zeros, and no tile may have no say at all.
    "hann": lambda size: np.asarray(windows.hann(size + 2)[1:-1]),
    "triang": lambda size: np.asarray(windows.triang(size)),
    "overlap-tile": middle_only,
}


def figures(grid: Grid) -> Figures:
    """Return mean disagreement before blending, and mean and greatest step that blending brings in; in steps of 255."""
    apart, pixels = 0.0, 0
    for (i, j), tile in grid.items():
        for other in (grid.get((i + 1, j)), grid.get((i, j + 1))):
            if other is not None:
                own = Box(tile.box.rows.clip(other.box.rows), tile.box.cols.clip(other.box.cols))
                a, b = (one.alpha[own.within(one.box).slices] for one in (tile, other))
                counted = uncertain(a, b)
                apart += float(np.abs(a - b)[counted].sum(dtype=np.float64))
                pixels += int(counted.sum())
    brought = brought_in(grid)
    return {
        "before": 255 * apart / max(pixels, 1),
        "after": 255 * float(brought.mean(dtype=np.float64)) if brought.size else 0.0,
        "worst after": 255 * float(brought.max(initial=0.0)),
    }


def brought_in(grid: Grid) -> Alpha:
    """Return, for each uncertain pixel in which tiles overlap, the step that blending brings in: its length, 0..1."""
    shape = max(t.box.rows.stop for t in grid.values()), max(t.box.cols.stop for t in grid.values())
    total, low, high = np.zeros(shape, np.float32), np.ones(shape, np.float32), np.zeros(shape, np.float32)
    count = np.zeros(shape, np.uint8)
    for tile in grid.values():
        here = tile.box.slices
        total[here] += tile.weight
        np.minimum(low[here], tile.alpha, out=low[here])
        np.maximum(high[here], tile.alpha, out=high[here])
        count[here] += 1
    down, right = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for tile in grid.values():
        # One pixel of no weight all around: a window that ends abruptly brings in its whole edge.
        weight = np.pad(tile.weight / total[tile.box.slices], 1)
        alpha = np.pad(tile.alpha, 1, mode="edge")
        add(down, np.diff(weight, axis=0)[:, 1:-1] * (alpha[1:] + alpha[:-1])[:, 1:-1] / 2, tile.box)
        add(right, np.diff(weight, axis=1)[1:-1] * (alpha[:, 1:] + alpha[:, :-1])[1:-1] / 2, tile.box)
    # The picture's own edges are no seams.
    down[0] = right[:, 0] = 0
    counted = (count > 1) & uncertain(low, high)
    return np.asarray(np.hypot(down, right)[counted])


def add(sums: Alpha, steps: Alpha, box: Box) -> None:
    """Add the steps into the pixels of `box`, and the one past its end, as far as there are such pixels."""
    rows, cols = (
        slice(box.rows.start, box.rows.start + steps.shape[0]),
        slice(box.cols.start, box.cols.start + steps.shape[1]),
    )
    part = sums[rows, cols]
    part += steps[: part.shape[0], : part.shape[1]]


def table(results: dict[str, dict[str, Figures]]) -> str:
    """Return the means over pictures, the worst of all pictures, and each way's ratio to `tiler`."""
    names = list(next(iter(results.values())))

    def mean(way: str, name: str) -> float:
        return float(np.mean([result[way][name] for result in results.values()]))

    lines = [
        f"{len(results)} pictures; steps of 255",
        "",
        "| way | before | after, a pixel | worst after | before / tiler | after / tiler |",
        "|---|---|---|---|---|---|",
    ]
    for way in names:
        worst = max(result[way]["worst after"] for result in results.values())
        lines.append(
            f"| {way} | {mean(way, 'before'):.2f} | {mean(way, 'after'):.4f} | {worst:.2f} | "
            f"{mean(way, 'before') / mean('tiler', 'before'):.1f} | {mean(way, 'after') / mean('tiler', 'after'):.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
