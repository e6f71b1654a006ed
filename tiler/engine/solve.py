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

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from dask import threaded
from numpy.typing import NDArray

from tiler.core.blending import blend, touching
from tiler.core.geometry import Box
from tiler.core.guide import enlarge, uncertain_tiles
from tiler.core.plan import Level, Plan
from tiler.core.seams import measure_block
from tiler.engine.report import LevelReport, RepairReport
from tiler.errors import ModelError
from tiler.image.colour import to_network
from tiler.image.source import Pixels
from tiler.memory import release_memory
from tiler.model.network import Network
from tiler.model.retry import NoAnswerError
from tiler.progress import Progress
from tiler.store.canvas import Canvas
from tiler.store.journal import FailedTile, Journal

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
    """How a tile's alpha and the guide become one; `tiler.core.fusion.fuse` says what each means."""

    def __call__(self, tile_alpha: Alpha, guide: Alpha, rgb: NDArray[np.float32], guide_scale: float, /) -> Alpha: ...


@dataclass(frozen=True)
class Scene:
    """Everything that the tasks of a run share; each part may be used from any thread.

    strict: a tile without an answer ends the run; else the guide stands in for it, and the journal lists it. ahead:
    how many tiles may wait for the blocks above them at least, where rows of a few are not enough to keep all at work.
    finds: a tile's own answer may add to the guide.
    """

    plan: Plan
    picture: Picture
    network: Network
    fuse: Fuse
    canvas: Canvas
    journal: Journal
    progress: Progress
    strict: bool = False
    ahead: int = 0
    finds: bool = False


Mend = Callable[[Scene, Level, Run], RepairReport]


def solve(
    scene: Scene,
    run: Run,
    *,
    dense: bool = False,
    finding: int = 0,
    detail: bool = True,
    mend: Mend | None = None,
) -> tuple[LevelReport, ...]:
    """Write the alpha of every level onto the canvas, from the base up, and return what each took.

    run: executes a graph of tasks until the given keys are done. dense: run every tile, not the uncertain ones alone.
    finding: in so many levels above the base every tile runs, and may add to the guide what the base was too small to
    show. It may still take nothing away. detail: False runs no other tiles, and the guide stands as it is. mend:
    called with each level when its blocks are on the canvas, before the next is guided by it; what an earlier run has
    mended it must do again, or know to be done.

    Blocks that an earlier run has written stay, tiles that it kept are taken as they are: the bytes are the same.
    Raises ModelError if the base, or under `scene.strict` any tile, gets no answer.
    """
    reports = []
    finder = replace(scene, finds=True)
    first_found = scene.plan.levels[-1].index - finding
    for level in reversed(scene.plan.levels):
        began = perf_counter()
        finds = level.index >= first_found
        if finds or (dense and detail):
            chosen = frozenset(level.tiles)
        elif detail:
            chosen = _open(scene, level)
        else:
            chosen = frozenset()
        undone = frozenset(level.tiles) - scene.canvas.found(level.index)
        needed = chosen & {tile for block in undone for tile in touching(level, *block)}
        kept = needed & scene.journal.kept(level.index)
        count = len(needed) - len(kept)
        scene.progress.stage(f"level {level.index}, {level.shape[1]} x {level.shape[0]} px", count)
        tasks = graph(finder if finds else scene, level, needed, undone, kept)
        run(tasks, [("row", level.rows.count - 1)])
        mending = mend(finder if finds else scene, level, run) if mend else None
        took = perf_counter() - began
        reports.append(
            LevelReport(level.index, level.shape, count, level.count - len(chosen), took, len(chosen) - count, mending)
        )
    return tuple(reports)


def graph(
    scene: Scene,
    level: Level,
    chosen: frozenset[tuple[int, int]],
    undone: frozenset[tuple[int, int]],
    kept: frozenset[tuple[int, int]] = frozenset(),
) -> Graph:
    """Return the tasks of one level, in Dask's form: key -> (function, arguments, some of which are keys).

    ("tile", i, j) for the `chosen` tiles, of which the `kept` are remembered, not run; ("block", i, j) for the
    `undone` blocks, which needs the few tiles that touch it and writes; and ("row", i), done when the blocks of row i
    and of all rows above are, for which later tiles wait.
    """
    tasks: Graph = {}
    gates = _gates(level, chosen, scene.ahead)
    for i, j in chosen:
        gate = [("row", gates[i])] if gates[i] >= 0 else []
        tasks["tile", i, j] = (_recall if (i, j) in kept else _tile, scene, level, i, j, gate)
    for i, j in undone:
        own = [tile for tile in touching(level, i, j) if tile in chosen]
        tasks["block", i, j] = (_block, scene, level, i, j, own, [("tile", r, c) for r, c in own])
    for i in range(level.rows.count):
        above = [("row", i - 1)] if i else []
        blocks = [("block", i, j) for j in range(level.cols.count) if (i, j) in undone]
        tasks["row", i] = (_row, scene, level, i, above + blocks)
    return tasks


def _gates(level: Level, chosen: frozenset[tuple[int, int]], ahead: int) -> list[int]:
    """Return, for each row of tiles, the row of blocks that they wait for; negative if they need not.

    That is `ROWS_AHEAD` above, or as many more as it takes for `ahead` tiles to lie between.
    """
    in_row = Counter(i for i, _ in chosen)
    gates = []
    for i in range(level.rows.count):
        gate = i - ROWS_AHEAD
        between = 0
        while gate >= 0 and between < ahead:
            between += in_row[gate + 1]
            gate -= 1
        gates.append(gate)
    return gates


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


def answer(scene: Scene, level: Level, box: Box) -> Alpha:
    """Return what the network says of `box`, fused with its guide, (h, w) float32; unrolled where it wraps."""
    rgb = to_network(window(lambda part: scene.picture.read(level.index, part), box, level))
    alpha = scene.network.alpha(rgb)
    if level.guide_scale is None:
        return alpha
    fused = scene.fuse(alpha, guide_of(scene, level, box), rgb, max(level.guide_scale))
    # What either of tile and guide has found.
    return np.maximum(fused, alpha) if scene.finds else fused


def _tile(scene: Scene, level: Level, i: int, j: int, _gate: list[None]) -> Alpha:
    """Return the fused alpha of tile (i, j) over its support."""
    box, support = level.read(i, j), level.support(i, j)
    try:
        alpha = answer(scene, level, box)
    except NoAnswerError as error:
        return _stand_in(scene, level, i, j, error)
    # A copy, so that the halo is not kept in memory while the tile waits for its neighbours.
    alpha = alpha[support.within(box).slices].copy()
    scene.journal.keep(level.index, i, j, alpha)
    scene.progress.advance()
    return alpha


def _recall(scene: Scene, level: Level, i: int, j: int, _gate: list[None]) -> Alpha:
    """Return what an earlier run found for tile (i, j)."""
    return scene.journal.recall(level.index, i, j, level.support(i, j).shape)


def _stand_in(scene: Scene, level: Level, i: int, j: int, error: NoAnswerError) -> Alpha:
    """Return the guide over the support of tile (i, j), for which there is no answer, and list the tile."""
    place = f"level {level.index}, tile ({i}, {j})"
    if level.guide_scale is None or scene.strict:
        raise ModelError(
            f"{place}: the network failed twice: {error}",
            "Choose fewer --threads or a smaller --tile-px if memory ran out. The same command continues.",
        ) from error
    scene.journal.fail(FailedTile(level.index, i, j, str(error)))
    scene.progress.note(f"{place}: the network failed twice: {error} The smaller picture stands in.")
    scene.progress.advance()
    return guide_of(scene, level, level.support(i, j))


def _block(scene: Scene, level: Level, i: int, j: int, own: list[tuple[int, int]], alphas: list[Alpha]) -> None:
    """Write block (i, j) onto the canvas."""
    tiles = dict(zip(own, alphas, strict=True))
    alpha = blend(level, i, j, tiles, lambda box: guide_of(scene, level, box))
    # Before the block, whose being there says that all of this is done.
    seams = measure_block(level, i, j, tiles, lambda box: guide_of(scene, level, box))
    scene.canvas.write_seams(level.index, i, j, seams)
    scene.canvas.write(level.index, level.block(i, j), alpha)
    # Else what all these arrays leave behind, in pieces, comes to a quarter of a run's memory.
    release_memory()


def _row(scene: Scene, level: Level, i: int, _done: list[None]) -> None:
    """Let go of the tiles that nobody needs once the blocks of row i, and of all above, are on disk."""
    if i:
        scene.journal.forget(level.index, i - 1)
    if i == level.rows.count - 1:
        scene.journal.forget(level.index, i)


def guide_of(scene: Scene, level: Level, box: Box) -> Alpha:
    """Return the guide of `level`, which is not the base, inside `box`, (h, w) float32; unrolled where it wraps."""
    return enlarge(_read_below(scene, level), box, level, scene.plan.levels[level.index + 1])


def _open(scene: Scene, level: Level) -> frozenset[tuple[int, int]]:
    if level.guide_scale is None:
        return frozenset(level.tiles)
    return uncertain_tiles(_read_below(scene, level), level, scene.plan.levels[level.index + 1])


def _read_below(scene: Scene, level: Level) -> Callable[[Box], Alpha]:
    return lambda box: scene.canvas.alpha(level.index + 1, box)
