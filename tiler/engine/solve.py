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
from time import perf_counter

from tiler.core.blending import touching
from tiler.core.geometry import Box
from tiler.core.guide import uncertain_tiles
from tiler.core.plan import Level
from tiler.core.region import tiles_in
from tiler.engine.base import base_graph, views_to_run
from tiler.engine.closer import look_closer
from tiler.engine.graph import Runner, graph
from tiler.engine.report import LevelReport, RepairReport
from tiler.engine.scene import Scene, closer_at, read_below

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
    for level in above:
        adds = level.index >= base.index - dense_levels
        level_scene = replace(scene, may_add=adds)
        chosen = _tiles_to_run(level_scene, level, dense=adds or (dense and detail), detail=detail)
        reports.append(_solve_level(level_scene, level, chosen, run, repair))
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


def _solve_level(
    scene: Scene, level: Level, chosen: frozenset[tuple[int, int]], run: Runner, repair: Repair | None
) -> LevelReport:
    """Run the `chosen` tiles of a level above the base, as far as its blocks are not done, and repair it."""
    began = perf_counter()
    undone = frozenset(level.tiles) - scene.canvas.done(level.index)
    needed = chosen & {tile for block in undone for tile in touching(level, *block)}
    kept = needed & scene.journal.kept(level.index)
    count = len(needed) - len(kept)
    scene.progress.stage(_stage(level), count)
    run(graph(scene, level, needed, undone, kept), [("row", level.rows.count - 1)])
    repaired = repair(scene, level, run) if repair else None
    return LevelReport(
        level=level.index,
        shape=level.shape,
        tiles_run=count,
        tiles_skipped=level.count - len(chosen),
        seconds=perf_counter() - began,
        tiles_kept=len(chosen) - count,
        repair=repaired,
    )


def _stage(level: Level) -> str:
    return f"level {level.index}, {level.shape[1]} x {level.shape[0]} px"


def _tiles_to_run(scene: Scene, level: Level, *, dense: bool, detail: bool) -> frozenset[tuple[int, int]]:
    inside = tiles_in(level, scene.regions, scene.plan.shapes[0])
    if dense:
        return inside
    if not detail:
        return frozenset()
    uncertain = uncertain_tiles(read_below(scene, level), level, scene.plan.levels[level.index + 1])
    crops = [
        Box(look.crop.rows, cols) for look in closer_at(scene, level) for cols in level.cols.pieces(look.crop.cols)
    ]
    return inside & (uncertain | (tiles_in(level, crops, level.shape) if crops else frozenset()))
