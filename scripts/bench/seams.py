#!/usr/bin/env python
"""Compare how well tiles agree, and how much of their disagreement is left after blending, by ways to blend.

  tiler      this engine: tiles fused with the guide, cross-faded over half of their overlap
  feathered  tiles as the network gave them, cross-faded in the same way
  gaussian   as MONAI's `sliding_window_inference(mode="gaussian")`: windows exp(-x^2 / 2 s^2), s = 1/8 of the tile, at
             least 0.001, overlap 0.25, the last tile moved back into the picture
             (https://github.com/Project-MONAI/MONAI, monai/data/utils.py, monai/inferers/utils.py)
  hann, triang, overlap-tile
             as the PyPI package `tiler` merges with those windows, overlap 0.25: the windows of scipy, and the plain
             middle of each tile (https://github.com/the-lay/tiler, tiler/merger.py)

before: |a - b| of neighbouring tiles where they overlap, mean over uncertain pixels, of 255.
after:  blending makes the sum of w_k a_k from tiles a_k with weights w_k. From one pixel to the next the sum changes by
        the weighted steps of the tiles, and by the sum of (change of w_k) x a_k. The second part is the step that
        blending adds; it is 0 where tiles agree. Its mean and its maximum over the uncertain pixels of all overlaps, of
        255, per pixel.

    python scripts/bench/seams.py FOLDER [FOLDER ...] [--guide-px 256 --tile-px 512]
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import windows

from scenes import Alpha, Figures, figures_by_picture, opened, parser, pictures_in, settings_of
from tiler.core.geometry import Box, Span
from tiler.core.guide import uncertain_tiles
from tiler.core.plan import Level
from tiler.core.seams import uncertain
from tiler.engine.answer import answer
from tiler.engine.graph import on_threads
from tiler.engine.scene import Scene, guide_of
from tiler.engine.solve import solve
from tiler.image.colour import to_network
from tiler.model.network import Network
from tiler.model.session import open_session
from tiler.progress import Silent
from tiler.settings import Settings

Window = Callable[[int], NDArray[np.float64]]

OVERLAP = 0.25


@dataclass(frozen=True, eq=False)
class Weighted:
    """The alpha of a tile over `box`, and its weight there, (h, w) each."""

    box: Box
    alpha: Alpha
    weight: Alpha


Grid = dict[tuple[int, int], Weighted]


def main() -> int:
    """Measure and print a table."""
    options = parser(__doc__, "guide-px", "tile-px")
    options.add_argument("folders", nargs="+", type=Path)
    chosen = options.parse_args()
    settings, pictures = settings_of(chosen), pictures_in(chosen.folders, with_truth=False)
    with closing(open_session(settings.compute, Silent())) as network:

        def measure(path: Path) -> Figures:
            return {way: figures(grid) for way, grid in grids(path, settings, network)}

        print(table(figures_by_picture(pictures, measure)))
    return 0


def grids(path: Path, settings: Settings, network: Network) -> Iterator[tuple[str, Grid]]:
    """Yield the name of each way, and its tiles of the full picture."""
    with opened(path, network, settings) as picture:
        level, scene = picture.plan.levels[0], picture.scene()

        def alone(box: Box) -> Alpha:
            return network.alpha(to_network(picture.pyramid.read(0, box)))

        solve(scene, on_threads(settings.compute.thread_count))
        yield "tiler", {tile: feathered(level, tile, alpha) for tile, alpha in engine_tiles(scene, level)}
        yield "feathered", {tile: feathered(level, tile, alone(level.read(*tile))) for tile in level.tiles}
        sides = [slid(size, level.rows.tile_px) for size in level.shape]
        boxes = {(i, j): Box(row, col) for i, row in enumerate(sides[0]) for j, col in enumerate(sides[1])}
        alphas = {tile: alone(box) for tile, box in boxes.items()}
        for name, window in WINDOWS.items():
            yield name, {tile: windowed(boxes[tile], alpha, window, level.shape) for tile, alpha in alphas.items()}


def engine_tiles(scene: Scene, level: Level) -> Iterator[tuple[tuple[int, int], Alpha]]:
    """Yield (row, column) and the alpha of every tile of the engine: fused if it ran, else the guide."""

    def below(box: Box) -> Alpha:
        return scene.canvas.alpha(level.index + 1, box)

    ran = uncertain_tiles(below, level, scene.plan.levels[level.index + 1])
    for tile in level.tiles:
        yield tile, (answer if tile in ran else guide_of)(scene, level, level.read(*tile))


def feathered(level: Level, tile: tuple[int, int], alpha: Alpha) -> Weighted:
    """Return `alpha`, given over the read box of a tile, over its support with the weights of this engine."""
    support = level.support(*tile)
    weight = level.rows.ramp(tile[0])[:, None] * level.cols.ramp(tile[1])
    return Weighted(support, alpha[support.within(level.read(*tile)).slices], weight)


def windowed(box: Box, alpha: Alpha, window: Window, shape: tuple[int, int]) -> Weighted:
    """Return `alpha` with the weights of a window.

    The window does not fall towards an edge of the picture: both packages pad the picture and so see beyond it.
    """
    weights = []
    for span, size in ((box.rows, shape[0]), (box.cols, shape[1])):
        weight = window(span.size).copy()
        middle = int(weight.argmax())
        if span.start == 0:
            weight[:middle] = weight[middle]
        if span.stop == size:
            weight[middle:] = weight[middle]
        weights.append(weight)
    return Weighted(box, alpha, np.asarray(np.outer(*weights), np.float32))


def slid(size: int, tile_px: int) -> list[Span]:
    """Return tiles at a stride of 3/4 of their side; the last is moved back into the picture."""
    if size <= tile_px:
        return [Span(0, size)]
    starts = [*range(0, size - tile_px, int(tile_px * (1 - OVERLAP))), size - tile_px]
    return [Span(start, start + tile_px) for start in starts]


def gaussian(size: int) -> NDArray[np.float64]:
    """Return the importance map of MONAI in one dimension."""
    x = np.arange(size) - (size - 1) / 2
    return np.asarray(np.maximum(np.exp(-(x**2) / (2 * (size / 8) ** 2)), 1e-3))


def middle_only(size: int) -> NDArray[np.float64]:
    """Return 1 up to the middle of each overlap, and 0 beyond."""
    edge = int(size * OVERLAP) // 2
    return np.pad(np.ones(size - 2 * edge), edge)


WINDOWS: dict[str, Window] = {
    "gaussian": gaussian,
    # Without the zeros at the ends of scipy's window, where no tile would have a weight.
    "hann": lambda size: np.asarray(windows.hann(size + 2)[1:-1]),
    "triang": lambda size: np.asarray(windows.triang(size)),
    "overlap-tile": middle_only,
}


def figures(grid: Grid) -> dict[str, float]:
    """Return the mean disagreement before blending, and the mean and maximum of the step that blending adds; of 255."""
    apart, pixels = 0.0, 0
    for (i, j), tile in grid.items():
        for other in (grid.get((i + 1, j)), grid.get((i, j + 1))):
            if other is not None:
                overlap = Box(tile.box.rows.clip(other.box.rows), tile.box.cols.clip(other.box.cols))
                a, b = (one.alpha[overlap.within(one.box).slices] for one in (tile, other))
                counted = uncertain(a, b)
                apart += float(np.abs(a - b)[counted].sum(dtype=np.float64))
                pixels += int(counted.sum())
    added = added_steps(grid)
    return {
        "before": 255 * apart / max(pixels, 1),
        "after": 255 * float(added.mean(dtype=np.float64)) if added.size else 0.0,
        "worst after": 255 * float(added.max(initial=0.0)),
    }


def added_steps(grid: Grid) -> Alpha:
    """Return the length of the step that blending adds, 0..1, for each uncertain pixel in which tiles overlap."""
    shape = max(t.box.rows.stop for t in grid.values()), max(t.box.cols.stop for t in grid.values())
    total, low, high = np.zeros(shape, np.float32), np.ones(shape, np.float32), np.zeros(shape, np.float32)
    count = np.zeros(shape, np.uint8)
    for tile in grid.values():
        here = tile.box.slices
        total[here] += tile.weight
        np.minimum(low[here], tile.alpha, out=low[here])
        np.maximum(high[here], tile.alpha, out=high[here])
        count[here] += 1
    # One row and column more: the step behind the last pixel of a tile belongs to the pixel after it.
    down, right = (np.zeros((shape[0] + 1, shape[1] + 1), np.float32) for _ in range(2))
    for tile in grid.values():
        # One pixel of weight 0 all around: a window that ends abruptly adds its whole edge.
        weight = np.pad(tile.weight / total[tile.box.slices], 1)
        alpha = np.pad(tile.alpha, 1, mode="edge")
        (top, left), (height, width) = (tile.box.rows.start, tile.box.cols.start), tile.box.shape
        steps = np.diff(weight, axis=0)[:, 1:-1] * (alpha[1:] + alpha[:-1])[:, 1:-1] / 2
        down[top : top + height + 1, left : left + width] += steps
        steps = np.diff(weight, axis=1)[1:-1] * (alpha[:, 1:] + alpha[:, :-1])[1:-1] / 2
        right[top : top + height, left : left + width + 1] += steps
    # The edges of the picture are no seams.
    down[0] = right[:, 0] = 0
    return np.asarray(np.hypot(down, right)[:-1, :-1][(count > 1) & uncertain(low, high)])


def table(results: dict[str, Figures]) -> str:
    """Return the means over the pictures, the worst of all pictures, and the ratio of each way to `tiler`."""

    def mean(way: str, name: str) -> float:
        return float(np.mean([result[way][name] for result in results.values()]))

    lines = [
        f"{len(results)} pictures; of 255",
        "",
        "| way | before | after, a pixel | worst after | before / tiler | after / tiler |",
        "|---|---|---|---|---|---|",
    ]
    for way in next(iter(results.values())):
        worst = max(result[way]["worst after"] for result in results.values())
        lines.append(
            f"| {way} | {mean(way, 'before'):.2f} | {mean(way, 'after'):.4f} | {worst:.2f} | "
            f"{mean(way, 'before') / mean('tiler', 'before'):.1f} | {mean(way, 'after') / mean('tiler', 'after'):.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
