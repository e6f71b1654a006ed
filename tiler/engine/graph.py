"""The Dask tasks of the levels above the base, and the threads that run them.

A graph is a plain dictionary in Dask's form: key -> (function, arguments, some of which are keys). Tasks carry
coordinates, never pixels. No level waits for the one below: a tile waits for the few blocks under it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from time import time
from typing import Any

import numpy as np
from dask import threaded
from numpy.typing import NDArray

from tiler.core.blending import Guide, blend, touching
from tiler.core.geometry import Axis, Box, Span
from tiler.core.guide import blocks_below
from tiler.core.plan import Level
from tiler.core.seams import BESIDE_PX, measure_block
from tiler.engine.answer import answer
from tiler.engine.routing import Route, Tiles, is_uncertain
from tiler.engine.scene import Scene, guide_of
from tiler.errors import ModelError
from tiler.model.retry import NoAnswerError
from tiler.store.journal import FailedTile

Alpha = NDArray[np.float32]
Key = tuple[Any, ...]
Graph = dict[Key, tuple[Any, ...]]
# Executes a graph until the given keys are done, and returns what they came to, in order.
Runner = Callable[[Graph, list[Key]], Sequence[Any]]

# A tile waits until the block this many rows above it is on disk, so that a slow disk cannot pile up a picture in
# memory. A block needs the tiles of the row below its own, hence two.
ROWS_AHEAD = 2


@dataclass(frozen=True)
class Work:
    """What is left to do of one level above the base.

    scene: as the tasks of this level see it. route: which tiles may run. undone: the blocks that are not on the canvas.
    kept: the tiles whose answers an earlier run has left in the journal.
    """

    scene: Scene
    level: Level
    route: Route
    undone: Tiles
    kept: Tiles = frozenset()

    @property
    def needed(self) -> Tiles:
        """The tiles that may run and that an undone block needs."""
        return self.route.tiles & {tile for block in self.undone for tile in touching(self.level, *block)}


def graph(works: Sequence[Work]) -> Graph:
    """Return the tasks of some levels, each of which has the next smaller one among them, or done already.

    With L for the index of a level:
    ("tile", L, i, j) for each tile that may run and is needed: run if its guide asks for it, or read from the journal;
    ("block", L, i, j) for each undone block: it needs the few tiles that touch it, and writes;
    ("row", L, i) is done when the blocks of row i and of all rows above are done;
    ("level", L) is done when all its blocks are, and gives the time, time.time().
    """
    undone = {work.level.index: work.undone for work in works}
    return {key: task for work in works for key, task in _level_graph(work, undone).items()}


def _level_graph(work: Work, undone: Mapping[int, Tiles]) -> Graph:
    """Return the tasks of one level; `undone` are the blocks in the making of each level that has any."""
    scene, level, needed = work.scene, work.level, work.needed
    index = level.index
    below, in_making = scene.plan.levels[index + 1], undone.get(index + 1, frozenset())

    def under(box: Box) -> list[Key]:
        """Return the blocks that have to be written before the guide in `box` can be read."""
        return [("block", index + 1, *block) for block in blocks_below(level, box, below) if block in in_making]

    tasks: Graph = {}
    gates = _gates(level, needed, scene.backlog_tiles)
    for i, j in needed:
        how = _recall_tile if (i, j) in work.kept else run_tile if (i, j) in work.route.certain else _ask_tile
        gate = [("block", index, gates[i], j)] if (gates[i], j) in work.undone else []
        tasks["tile", index, i, j] = (how, scene, level, i, j, under(level.read(i, j)) + gate)
    for i, j in work.undone:
        own = [tile for tile in touching(level, i, j) if tile in needed]
        waits, tiles = under(_around(level, i, j)), [("tile", index, r, c) for r, c in own]
        tasks["block", index, i, j] = (_write_block, scene, level, i, j, own, waits, tiles)
    for i in range(level.rows.count):
        above = [("row", index, i - 1)] if i else []
        blocks = [("block", index, i, j) for j in range(level.cols.count) if (i, j) in work.undone]
        tasks["row", index, i] = (_end_row, scene, level, i, above + blocks)
    tasks["level", index] = (_end_level, scene, level, [("row", index, level.rows.count - 1)])
    return tasks


def on_threads(threads: int) -> Runner:
    """Return the runner that works through a graph with `threads` of Dask's threads."""

    def run(tasks: Graph, keys: list[Key]) -> Sequence[Any]:
        # A pool of our own ends with this call, whatever ends it: no tile goes on working after Ctrl-C.
        with ThreadPoolExecutor(threads, thread_name_prefix="tiler") as pool:
            found: Sequence[Any] = threaded.get(tasks, keys, pool=pool)
        return found

    return run


def _gates(level: Level, tiles: Tiles, backlog_tiles: int) -> list[int]:
    """Return, for each row of tiles, the row of blocks that it waits for; negative where it waits for none.

    That row is `ROWS_AHEAD` above, or as many more as it takes for `backlog_tiles` tiles to lie between.
    """
    in_row = Counter(i for i, _ in tiles)
    gates = []
    for i in range(level.rows.count):
        gate = i - ROWS_AHEAD
        between = 0
        while gate >= 0 and between < backlog_tiles:
            between += in_row[gate + 1]
            gate -= 1
        gates.append(gate)
    return gates


def _ask_tile(scene: Scene, level: Level, i: int, j: int, waits: list[None]) -> Alpha | None:
    """Return the fused alpha of tile (i, j) over its support; None if its guide is certain."""
    if is_uncertain(scene, level, i, j):
        return run_tile(scene, level, i, j, waits)
    scene.progress.advance()
    return None


def run_tile(scene: Scene, level: Level, i: int, j: int, _waits: list[None]) -> Alpha:
    """Return the fused alpha of tile (i, j) over its support, and keep it in the journal; the guide if it fails."""
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


def _recall_tile(scene: Scene, level: Level, i: int, j: int, _waits: list[None]) -> Alpha:
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


def _write_block(
    scene: Scene,
    level: Level,
    i: int,
    j: int,
    own: list[tuple[int, int]],
    _waits: list[None],
    alphas: list[Alpha | None],
) -> None:
    """Write block (i, j) and its seams onto the canvas."""
    tiles = {tile: alpha for tile, alpha in zip(own, alphas, strict=True) if alpha is not None}
    if not tiles:
        scene.canvas.write(level.index, i, j, guide_of(scene, level, level.block(i, j)))
        return
    guide = _guide_around(scene, level, i, j)
    alpha = blend(level, i, j, tiles, guide)
    scene.canvas.write(level.index, i, j, alpha, measure_block(level, i, j, tiles, guide))


def _guide_around(scene: Scene, level: Level, i: int, j: int) -> Guide:
    """Return what gives the guide in a box: one in block (i, j) or its cross-fades is cut from one enlargement."""
    around = _around(level, i, j)

    @cache
    def enlarged() -> Alpha:
        return guide_of(scene, level, around)

    return lambda box: enlarged()[box.within(around).slices]


def _around(level: Level, i: int, j: int) -> Box:
    """Return block (i, j) and its cross-fades, where its alpha and its seams are looked at."""
    block, margin_px = level.block(i, j), max(level.rows.feather_px, level.cols.feather_px, BESIDE_PX)
    return Box(*(_grown(axis, span, margin_px) for axis, span in ((level.rows, block.rows), (level.cols, block.cols))))


def _grown(axis: Axis, span: Span, by: int) -> Span:
    grown = span.grow(by)
    return grown if axis.wraps else grown.clip(Span(0, axis.size))


def _end_row(scene: Scene, level: Level, i: int, _done: list[None]) -> None:
    """Drop the kept tiles that no block needs once the blocks of row i, and of all above, are on disk."""
    if i:
        scene.journal.forget(level.index, i - 1)
    if i == level.rows.count - 1:
        scene.journal.forget(level.index, i)


def _end_level(_scene: Scene, _level: Level, _done: list[None]) -> float:
    """Return the time at which the level was done."""
    return time()
