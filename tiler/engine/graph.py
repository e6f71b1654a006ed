"""The Dask tasks of one level above the base, and the threads that run them.

A graph is a plain dictionary in Dask's form: key -> (function, arguments, some of which are keys). Tasks carry
coordinates, never pixels.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from dask import threaded
from numpy.typing import NDArray

from tiler.core.blending import Guide, blend, touching
from tiler.core.geometry import Axis, Box, Span
from tiler.core.plan import Level
from tiler.core.seams import BESIDE_PX, measure_block
from tiler.engine.answer import answer
from tiler.engine.scene import Scene, guide_of
from tiler.errors import ModelError
from tiler.model.retry import NoAnswerError
from tiler.store.journal import FailedTile

Alpha = NDArray[np.float32]
Key = tuple[str, int] | tuple[str, int, int] | tuple[str, int, int, int]
Graph = dict[Key, tuple[Any, ...]]
# Executes a graph until the given keys are done.
Runner = Callable[[Graph, list[Key]], object]

# The tiles of a row wait until the blocks this many rows above are on disk, so that a slow disk cannot pile up a
# picture in memory. A block needs the tiles of the row below its own, hence two.
ROWS_AHEAD = 2


def graph(
    scene: Scene,
    level: Level,
    chosen: frozenset[tuple[int, int]],
    undone: frozenset[tuple[int, int]],
    kept: frozenset[tuple[int, int]] = frozenset(),
) -> Graph:
    """Return the tasks of one level.

    ("tile", i, j) for each of the `chosen` tiles; the `kept` ones are read from the journal, the others are run.
    ("block", i, j) for each of the `undone` blocks: it needs the few tiles that touch it, and writes.
    ("row", i) is done when the blocks of row i and of all rows above are done; later tiles wait for it.
    """
    tasks: Graph = {}
    gates = _gates(level, chosen, scene.backlog_tiles)
    for i, j in chosen:
        gate = [("row", gates[i])] if gates[i] >= 0 else []
        tasks["tile", i, j] = (_recall_tile if (i, j) in kept else _run_tile, scene, level, i, j, gate)
    for i, j in undone:
        own = [tile for tile in touching(level, i, j) if tile in chosen]
        tasks["block", i, j] = (_write_block, scene, level, i, j, own, [("tile", r, c) for r, c in own])
    for i in range(level.rows.count):
        above = [("row", i - 1)] if i else []
        blocks = [("block", i, j) for j in range(level.cols.count) if (i, j) in undone]
        tasks["row", i] = (_end_row, scene, level, i, above + blocks)
    return tasks


def on_threads(threads: int) -> Runner:
    """Return the runner that works through a graph with `threads` of Dask's threads."""

    def run(tasks: Graph, keys: list[Key]) -> object:
        # A pool of our own ends with this call, whatever ends it: no tile goes on working after Ctrl-C.
        with ThreadPoolExecutor(threads, thread_name_prefix="tiler") as pool:
            return threaded.get(tasks, keys, pool=pool)

    return run


def _gates(level: Level, chosen: frozenset[tuple[int, int]], backlog_tiles: int) -> list[int]:
    """Return, for each row of tiles, the row of blocks that it waits for; negative where it waits for none.

    That row is `ROWS_AHEAD` above, or as many more as it takes for `backlog_tiles` tiles to lie between.
    """
    in_row = Counter(i for i, _ in chosen)
    gates = []
    for i in range(level.rows.count):
        gate = i - ROWS_AHEAD
        between = 0
        while gate >= 0 and between < backlog_tiles:
            between += in_row[gate + 1]
            gate -= 1
        gates.append(gate)
    return gates


def _run_tile(scene: Scene, level: Level, i: int, j: int, _gate: list[None]) -> Alpha:
    """Return the fused alpha of tile (i, j) over its support."""
    box, support = level.read(i, j), level.support(i, j)
    try:
        alpha = answer(scene, level, box)
    except NoAnswerError as error:
        return _guide_instead(scene, level, i, j, error)
    # A copy, so that the halo is not kept in memory while the tile waits for its neighbours.
    alpha = alpha[support.within(box).slices].copy()
    scene.journal.keep(level.index, i, j, alpha)
    scene.progress.advance()
    return alpha


def _recall_tile(scene: Scene, level: Level, i: int, j: int, _gate: list[None]) -> Alpha:
    """Return the alpha of tile (i, j) that an earlier run has kept in the journal."""
    return scene.journal.recall(level.index, i, j, level.support(i, j).shape)


def _guide_instead(scene: Scene, level: Level, i: int, j: int, error: NoAnswerError) -> Alpha:
    """Return the guide over the support of tile (i, j), which has no answer, and list the tile as failed."""
    place = f"level {level.index}, tile ({i}, {j})"
    if scene.strict:
        raise ModelError(
            f"{place}: the network failed twice: {error}",
            "Choose fewer --threads or a smaller --tile-px if memory ran out. The same command continues.",
        ) from error
    scene.journal.fail(FailedTile(level.index, i, j, str(error)))
    scene.progress.note(f"{place}: the network failed twice: {error} The guide takes its place.")
    scene.progress.advance()
    return guide_of(scene, level, level.support(i, j))


def _write_block(scene: Scene, level: Level, i: int, j: int, own: list[tuple[int, int]], alphas: list[Alpha]) -> None:
    """Write block (i, j) and its seams onto the canvas."""
    if not own:
        scene.canvas.write(level.index, i, j, guide_of(scene, level, level.block(i, j)))
        return
    tiles = dict(zip(own, alphas, strict=True))
    guide = _guide_around(scene, level, i, j)
    alpha = blend(level, i, j, tiles, guide)
    scene.canvas.write(level.index, i, j, alpha, measure_block(level, i, j, tiles, guide))


def _guide_around(scene: Scene, level: Level, i: int, j: int) -> Guide:
    """Return what gives the guide in a box: one in block (i, j) or its cross-fades is cut from one enlargement."""
    block, margin_px = level.block(i, j), max(level.rows.feather_px, level.cols.feather_px, BESIDE_PX)
    around = Box(
        *(_grown(axis, span, margin_px) for axis, span in ((level.rows, block.rows), (level.cols, block.cols)))
    )

    @cache
    def enlarged() -> Alpha:
        return guide_of(scene, level, around)

    return lambda box: enlarged()[box.within(around).slices]


def _grown(axis: Axis, span: Span, by: int) -> Span:
    grown = span.grow(by)
    return grown if axis.wraps else grown.clip(Span(0, axis.size))


def _end_row(scene: Scene, level: Level, i: int, _done: list[None]) -> None:
    """Drop the kept tiles that no block needs once the blocks of row i, and of all above, are on disk."""
    if i:
        scene.journal.forget(level.index, i - 1)
    if i == level.rows.count - 1:
        scene.journal.forget(level.index, i)
