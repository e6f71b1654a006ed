"""The tasks of the levels: which there are, which wait, and how much they hold."""

import time
from dataclasses import replace

import numpy as np
import pytest

from tests.engine.scenes import needs_of, one_by_one, portrait
from tests.fakes import ArrayCanvas, ColourKey, RedIsAlpha
from tiler.core.plan import make_plan
from tiler.engine import graph as graphs
from tiler.engine.graph import ROWS_AHEAD, Work, graph, on_threads
from tiler.engine.routing import Route
from tiler.engine.scene import guide_of
from tiler.engine.solve import solve


def test_every_chosen_tile_is_a_task_and_no_task_carries_pixels():
    plan = make_plan((300, 420), guide_px=48, tile_px=48, overlap_px=12)
    level = plan.levels[0]
    chosen = frozenset([(0, 0), (1, 2)])
    tasks = graph([Work(portrait(plan, ColourKey()), level, Route(chosen), frozenset(level.tiles))])
    assert {key[2:] for key in tasks if key[0] == "tile"} == chosen
    assert {key[2:] for key in tasks if key[0] == "block"} == set(level.tiles)
    assert not any(isinstance(argument, np.ndarray) for task in tasks.values() for argument in task)


def test_a_gate_keeps_tiles_from_running_ahead_of_the_disk():
    """Even a scheduler that runs a tile whenever one may waits for the block above it to be written."""
    plan = make_plan((400, 300), guide_px=200, tile_px=48, overlap_px=12)
    level = plan.levels[0]
    written_when_run = []

    class Watching(ColourKey):
        def alpha(self, rgb):
            written_when_run.append(sum(index == 0 for index, _ in scene.canvas.written))
            return super().alpha(rgb)

    order = {"tile": 0, "route": 1}
    for backlog_tiles in (0, 3 * level.cols.count):
        written_when_run.clear()
        scene = replace(portrait(plan, Watching()), backlog_tiles=backlog_tiles)
        solve(scene, one_by_one(lambda ready: min(ready, key=lambda key: (order.get(key[0], 2), key[1:]))), dense=True)
        waiting = [n - written for n, written in enumerate(written_when_run[1:])]  # the first is the base
        assert len(waiting) == level.count > 7 * level.cols.count
        assert max(waiting) <= ROWS_AHEAD * level.cols.count + backlog_tiles
        assert max(waiting) >= backlog_tiles


def test_rows_of_few_tiles_let_as_many_run_as_may_be_at_work():
    """Sixteen callers, and a silhouette that is open in three columns."""
    plan = make_plan((800, 300), guide_px=200, tile_px=48, overlap_px=12)
    level = plan.levels[0]
    chosen = frozenset((i, j) for i, j in level.tiles if j in (1, 2, 4))

    def at_work(backlog_tiles):
        scene = replace(portrait(plan, ColourKey()), backlog_tiles=backlog_tiles)
        tasks = graph([Work(scene, level, Route(chosen), frozenset(level.tiles))])
        needs, done, tiles = needs_of(tasks), set(), []
        while len(done) < len(tasks):
            # Blocks take no time beside tiles.
            while blocks := {k for k in needs if k[0] != "tile" and k not in done and needs[k] <= done}:
                done |= blocks
            ready = {k for k in needs if k not in done and needs[k] <= done}
            tiles.append(len(ready))
            done |= ready
        return tiles[1:-2]  # at the start many rows are free, at the end few are left

    assert max(at_work(0)) <= 3
    assert min(at_work(16)) >= 16


@pytest.mark.parametrize("height", [300, 900])
def test_a_slow_disk_holds_few_answers_however_tall_the_picture(height):
    plan = make_plan((height, 200), guide_px=100, tile_px=48, overlap_px=12)
    level, held = plan.levels[0], [0]
    ran = 0

    class Counts(RedIsAlpha):
        def alpha(self, rgb):
            nonlocal ran
            if rgb.shape[:2] == (48, 48):
                ran += 1
                written = sum(index == 0 for index, _ in scene.canvas.written)
                held.append(ran - written)
            return super().alpha(rgb)

    class Slow(ArrayCanvas):
        def write(self, level, *block):
            time.sleep(0.002)
            super().write(level, *block)

    scene = replace(portrait(plan, Counts()), canvas=Slow(plan))
    solve(scene, on_threads(4), dense=True)
    assert ran >= level.count
    assert max(held) <= (ROWS_AHEAD + 1) * level.cols.count + 4


@pytest.mark.parametrize("wraps", [False, True])
def test_a_block_enlarges_its_guide_once_at_most(monkeypatch, wraps):
    plan = make_plan((300, 420), guide_px=96, tile_px=48, overlap_px=12, wraps=wraps)
    level, made = plan.levels[0], []
    scene = portrait(plan, ColourKey())
    solve(scene, on_threads(1))
    monkeypatch.setattr(graphs, "guide_of", lambda *asked: made.append(asked[2]) or guide_of(*asked))
    # Every other tile has run, so that the guide shows in blends and in seams.
    chosen = frozenset((i, j) for i, j in level.tiles if (i + j) % 2)
    tasks = graph([Work(scene, level, Route(certain=chosen), frozenset(level.tiles))])
    on_threads(1)(tasks, [("row", 0, level.rows.count - 1)])
    assert len(made) <= level.count
