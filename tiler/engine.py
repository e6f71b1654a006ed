"""The recursion: matte the small picture, then sharpen what it leaves uncertain, one zoom level at a time.

    matte(image):
        if image is small enough for the network:
            return network(image)
        guide = enlarge(matte(halve(image)))
        for each tile that guide leaves uncertain:
            fused = fuse(network(image[tile]), guide[tile], image[tile])
        return feather(fused tiles) over guide

The halves are made beforehand, in one pass over the file, so the recursion is a walk from the base up to level 0.
Within a level Dask runs a plain dictionary of tasks; they carry coordinates, never pixels.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from dask import threaded
from numpy.typing import NDArray

from tiler.blend import blend, touching
from tiler.canvas import Canvas
from tiler.geometry import Box
from tiler.guidance import enlarge, open_tiles
from tiler.image.eyes import to_network
from tiler.image.source import Pixels
from tiler.model.network import Network
from tiler.plan import Level, Plan
from tiler.progress import Progress
from tiler.report import LevelReport

Alpha = NDArray[np.float32]
Key = tuple[str, int] | tuple[str, int, int]
Graph = dict[Key, tuple[Any, ...]]
Run = Callable[[Graph, list[Key]], object]

# Tiles of a row wait until the blocks this many rows above are on disk, so that a slow disk cannot pile up a picture
# in memory. A block needs the tiles of the row below its own, hence two.
ROWS_AHEAD = 2


class Picture(Protocol):
    """The picture at every level of the plan."""

    def read(self, level: int, box: Box) -> Pixels:
        """Return the (h, w, 3) RGB pixels of a box inside the level, uint8 or uint16. Safe from any thread."""


class Fuse(Protocol):
    """How a tile's alpha and the guide become one; `tiler.fuse.fuse` says what each means."""

    def __call__(self, tile_alpha: Alpha, guide: Alpha, rgb: NDArray[np.float32], guide_px: float, /) -> Alpha: ...


@dataclass(frozen=True)
class Scene:
    """Everything that the tasks of a run share; each part may be used from any thread."""

    plan: Plan
    picture: Picture
    network: Network
    fuse: Fuse
    canvas: Canvas
    progress: Progress


def solve(scene: Scene, run: Run, *, dense: bool = False, finding: int = 0) -> tuple[LevelReport, ...]:
    """Write the alpha of every level onto the canvas, from the base up, and return what each took.

    run: executes a graph of tasks until the given keys are done. dense: run every tile, not the uncertain ones alone.
    finding: in so many levels above the base every tile runs, and may add to the guide what the base was too small to
    show. It may still take nothing away.
    """
    reports = []
    finder = replace(scene, fuse=_adding(scene.fuse))
    first_found = scene.plan.levels[-1].index - finding
    for level in reversed(scene.plan.levels):
        began = perf_counter()
        finds = level.index >= first_found
        chosen = frozenset(level.tiles) if dense or finds else _open(scene, level)
        scene.progress.stage(f"level {level.index}, {level.shape[1]} x {level.shape[0]} px", len(chosen))
        tasks = graph(finder if finds else scene, level, chosen)
        run(tasks, [("row", i) for i in range(level.rows.count)])
        reports.append(
            LevelReport(level.index, level.shape, len(chosen), level.count - len(chosen), perf_counter() - began)
        )
    return tuple(reports)


def graph(scene: Scene, level: Level, chosen: frozenset[tuple[int, int]]) -> Graph:
    """Return the tasks of one level, in Dask's form: key -> (function, arguments, some of which are keys).

    ("tile", i, j) for the `chosen` tiles; ("block", i, j), which needs the few tiles that touch it and writes; and
    ("row", i), done when the blocks of row i are, for which later tiles wait.
    """
    tasks: Graph = {}
    for i, j in level.tiles:
        if (i, j) in chosen:
            gate = [("row", i - ROWS_AHEAD)] if i >= ROWS_AHEAD else []
            tasks["tile", i, j] = (_tile, scene, level, i, j, gate)
        own = [tile for tile in touching(level, i, j) if tile in chosen]
        tasks["block", i, j] = (_block, scene, level, i, j, own, [("tile", r, c) for r, c in own])
    for i in range(level.rows.count):
        tasks["row", i] = (_nothing, [("block", i, j) for j in range(level.cols.count)])
    return tasks


def on_threads(threads: int) -> Run:
    """Return the runner that works through a graph with `threads` of Dask's threads."""

    def run(tasks: Graph, keys: list[Key]) -> object:
        # A pool of our own ends with this call, whatever ends it: no tile goes on working after Ctrl-C.
        with ThreadPoolExecutor(threads, thread_name_prefix="tiler") as pool:
            return threaded.get(tasks, keys, pool=pool)

    return run


def window(read: Callable[[Box], NDArray[Any]], box: Box, level: Level) -> NDArray[Any]:
    """Return `read(box)` for an unrolled box, put together from its real pieces where the level wraps."""
    rows, cols = list(level.rows.pieces(box.rows)), list(level.cols.pieces(box.cols))
    if len(rows) == len(cols) == 1:
        return read(Box(rows[0], cols[0]))
    return np.concatenate([np.concatenate([read(Box(r, c)) for c in cols], axis=1) for r in rows], axis=0)


def _tile(scene: Scene, level: Level, i: int, j: int, _gate: list[None]) -> Alpha:
    """Return the fused alpha of tile (i, j) over its support."""
    box, support = level.read(i, j), level.support(i, j)
    rgb = to_network(window(lambda part: scene.picture.read(level.index, part), box, level))
    alpha = scene.network.alpha(rgb)
    if level.guide_px is not None:
        alpha = scene.fuse(alpha, _guide(scene, level, box), rgb, max(level.guide_px))
    scene.progress.advance()
    # A copy, so that the halo is not kept in memory while the tile waits for its neighbours.
    return alpha[support.within(box).slices].copy()


def _block(scene: Scene, level: Level, i: int, j: int, own: list[tuple[int, int]], alphas: list[Alpha]) -> None:
    """Write block (i, j) onto the canvas."""
    tiles = dict(zip(own, alphas, strict=True))
    alpha = blend(level, i, j, tiles, lambda box: _guide(scene, level, box))
    scene.canvas.write(level.index, level.block(i, j), alpha)


def _adding(fuse: Fuse) -> Fuse:
    """Return `fuse`, but with the tile's own answer where that is more: what either of tile and guide has found."""

    def either(tile_alpha: Alpha, guide: Alpha, rgb: NDArray[np.float32], guide_px: float) -> Alpha:
        return np.maximum(fuse(tile_alpha, guide, rgb, guide_px), tile_alpha)

    return either


def _nothing(_done: list[None]) -> None:
    """Stand for a row of blocks that is on disk."""


def _guide(scene: Scene, level: Level, box: Box) -> Alpha:
    return enlarge(_read_below(scene, level), box, level, scene.plan.levels[level.index + 1])


def _open(scene: Scene, level: Level) -> frozenset[tuple[int, int]]:
    if level.guide_px is None:
        return frozenset(level.tiles)
    return open_tiles(_read_below(scene, level), level, scene.plan.levels[level.index + 1])


def _read_below(scene: Scene, level: Level) -> Callable[[Box], Alpha]:
    return lambda box: scene.canvas.alpha(level.index + 1, box)
