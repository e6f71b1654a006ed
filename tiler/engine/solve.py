"""The recursion: matte the small picture, then sharpen what it leaves uncertain, one zoom level at a time.

    matte(image):
        if image is small enough for the network:
            return consensus(network(view) for view in views(image))
        guide = enlarge(matte(halve(image)))
        for each tile that guide leaves uncertain:
            tile_alpha = network(image[tile]) where this level's tiles earn their cost
            fused      = fuse(tile_alpha, guide[tile], image[tile])
        return feather(fused tiles) over guide

The halves are made beforehand, in one pass over the file, so the recursion is a walk from the base up to level 0.
"""

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter, time

from tiler.core.plan import Level
from tiler.engine.base import base_graph, views_to_run
from tiler.engine.closer import look_closer
from tiler.engine.graph import Runner, Work, graph
from tiler.engine.report import LevelReport, RepairReport
from tiler.engine.routing import route, running
from tiler.engine.scene import Scene

Repair = Callable[[Scene, Level, Runner], RepairReport]


def solve(
    scene: Scene,
    run: Runner,
    *,
    dense: bool = False,
    dense_levels: int = 0,
    detail: bool = True,
    repair: Repair | None = None,
) -> tuple[LevelReport, ...]:
    """Write the alpha of every level onto the canvas, from the base up, and return what each took.

    dense: every tile runs, not the uncertain ones alone. dense_levels: in so many levels above the base every tile
    runs, and may add foreground that the base was too small to show; it may still take nothing away. detail: False
    runs no other tiles, and the guide stands as it is. repair: called with each level when its blocks are on the
    canvas, before the next level is guided by it.

    Blocks and tiles of an earlier run are taken as they are: the bytes are the same.
    Raises ModelError if the base, or under `scene.strict` any tile, gets no answer.
    """
    base, *above = reversed(scene.plan.levels)
    reports = [_solve_base(scene, base, run, repair)]
    look_closer(scene, run)
    # A repaired level is the guide of the next. Without repair no level waits for another.
    for levels in [[level] for level in above] if repair else [above] if above else []:
        works = []
        for level in levels:
            adds = level.index >= base.index - dense_levels
            seen = replace(scene, may_add=adds)
            which = route(seen, level, dense=dense, detail=detail, from_base=not dense_levels)
            undone = frozenset(level.tiles) - scene.canvas.done(level.index)
            works.append(Work(seen, level, which, undone, scene.journal.kept(level.index)))
        reports += _solve_levels(scene, works, run)
        if repair:
            reports[-1] = replace(reports[-1], repair=repair(works[-1].scene, levels[-1], run))
    return tuple(reports)


def _solve_base(scene: Scene, level: Level, run: Runner, repair: Repair | None) -> LevelReport:
    """Run the views of the base, as far as its blocks are not done, and repair it."""
    began = perf_counter()
    undone = frozenset(level.tiles) - scene.canvas.done(level.index)
    tasks = base_graph(scene, level, undone)
    count = sum(key[0] == "tile" for key in tasks)
    scene.progress.stage(_stage(level), views_to_run(tasks))
    run(tasks, [("row", level.rows.count - 1)])
    scene.journal.forget_views()
    repaired = repair(scene, level, run) if repair else None
    return LevelReport(
        level.index, level.shape, count, 0, perf_counter() - began, tiles_kept=level.count - count, repair=repaired
    )


def _solve_levels(scene: Scene, works: list[Work], run: Runner) -> list[LevelReport]:
    """Run what is left of some levels above the base, the smallest first, side by side."""
    began = time()
    scene.progress.stage(_stage(*(work.level for work in works)), sum(len(work.needed - work.kept) for work in works))
    reports = []
    for work, ended in zip(works, run(graph(works), [("level", work.level.index) for work in works]), strict=True):
        level, ran = work.level, running(work.scene, work.level, work.route)
        count = len(ran & work.needed - work.kept)
        reports.append(
            LevelReport(
                level=level.index,
                shape=level.shape,
                tiles_run=count,
                tiles_skipped=level.count - len(ran),
                seconds=max(0.0, ended - began),
                tiles_kept=len(ran) - count,
            )
        )
        began = max(began, ended)
    return reports


def _stage(*levels: Level) -> str:
    """Return what a person reads: "level 2, 1024 x 1280 px"; or "levels 2 to 0, 4096 x 5120 px"."""
    first, last = levels[0], levels[-1]
    name = f"level {last.index}" if first is last else f"levels {first.index} to {last.index}"
    return f"{name}, {last.shape[1]} x {last.shape[0]} px"
