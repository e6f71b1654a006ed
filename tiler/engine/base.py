"""The base: the smallest level, where the network sees the whole picture in several views, and their consensus counts.

Each view is a task of its own, so that all threads are at work. The base has no guide.
"""

from tiler.core.blending import blend, touching
from tiler.core.consensus import Consensus
from tiler.core.geometry import Box
from tiler.core.plan import Level
from tiler.core.seams import measure_block
from tiler.engine.answer import agreed, view_answer, views_at
from tiler.engine.graph import Graph
from tiler.engine.scene import Alpha, Scene
from tiler.errors import ModelError
from tiler.model.retry import NoAnswerError
from tiler.model.views import View


def base_graph(scene: Scene, level: Level, undone: frozenset[tuple[int, int]]) -> Graph:
    """Return the tasks of the base, in the form of `tiler.engine.graph.graph`.

    ("view", i, j, k) for each view of each tile that an `undone` block needs, run or, if the journal has it, read;
    ("tile", i, j) for the consensus of its views; ("block", i, j) writes; ("row", i) is done when the blocks of row i
    and of all rows above are done.
    """
    views = views_at(scene, level)
    kept = [scene.journal.of_view(k).kept(level.index) for k in range(len(views))]
    tasks: Graph = {}
    for i, j in sorted({tile for block in undone for tile in touching(level, *block)}):
        for k, view in enumerate(views):
            how = _recall_view if (i, j) in kept[k] else _run_view
            tasks["view", i, j, k] = (how, scene, level, i, j, k, view)
        tasks["tile", i, j] = (_agree, scene, level, i, j, [("view", i, j, k) for k in range(len(views))])
    for i, j in undone:
        own = touching(level, i, j)
        tasks["block", i, j] = (_write_block, scene, level, i, j, own, [("tile", r, c) for r, c in own])
    for i in range(level.rows.count):
        above = [("row", i - 1)] if i else []
        tasks["row", i] = (
            _end_row,
            scene,
            level,
            above + [("block", i, j) for j in range(level.cols.count) if (i, j) in undone],
        )
    return tasks


def views_to_run(tasks: Graph) -> int:
    """Return how many answers of the network the tasks of the base need."""
    return sum(task[0] is _run_view for task in tasks.values())


def _run_view(scene: Scene, level: Level, i: int, j: int, k: int, view: View) -> Alpha:
    """Return the answer of the network for view `k` of tile (i, j), at the size of the tile."""
    try:
        alpha = view_answer(scene, level, level.read(i, j), view)
    except NoAnswerError as error:
        raise ModelError(
            f"level {level.index}, tile ({i}, {j}): the network failed twice: {error}",
            "Choose fewer --threads or a smaller --guide-px if memory ran out. The same command continues.",
        ) from error
    scene.journal.of_view(k).keep(level.index, i, j, alpha)
    scene.progress.advance()
    return alpha


def _recall_view(scene: Scene, level: Level, i: int, j: int, k: int, _view: View) -> Alpha:
    """Return the answer for view `k` of tile (i, j) that an earlier run has kept in the journal."""
    return scene.journal.of_view(k).recall(level.index, i, j, level.read(i, j).shape)


def _agree(scene: Scene, level: Level, i: int, j: int, answers: list[Alpha]) -> Consensus:
    """Return the consensus of the views of tile (i, j) over its support."""
    box = level.read(i, j)
    return agreed(scene, level, box, answers).within(level.support(i, j).within(box))


def _write_block(
    scene: Scene, level: Level, i: int, j: int, own: list[tuple[int, int]], tiles: list[Consensus]
) -> None:
    """Write block (i, j), the spread of its views and its seams onto the canvas."""
    alphas = {tile: answer.alpha for tile, answer in zip(own, tiles, strict=True)}
    spreads = {tile: answer.spread for tile, answer in zip(own, tiles, strict=True)}
    scene.canvas.write(
        level.index,
        i,
        j,
        blend(level, i, j, alphas, _no_guide),
        measure_block(level, i, j, alphas, _no_guide),
        blend(level, i, j, spreads, _no_guide),
    )


def _end_row(_scene: Scene, _level: Level, _done: list[None]) -> None:
    """Do nothing: that its blocks are done is all that a row of the base says."""


def _no_guide(_box: Box) -> Alpha:
    raise AssertionError("every tile of the base has an answer")
