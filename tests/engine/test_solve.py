import random
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import oracle
from tests.fakes import ArrayCanvas, ArrayPicture, ColourKey, Forgetful, Heard, LiesInTiles, RedIsAlpha, take_tile
from tests.strategies import plans
from tiler.core.fusion import TOLERANCE, fuse
from tiler.core.plan import make_plan
from tiler.engine.solve import ROWS_AHEAD, Scene, graph, on_threads, solve


def scene_of(plan, network, fusing=fuse, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (*plan.shapes[0], 3), dtype=np.uint8)
    return Scene(plan, ArrayPicture(pixels, plan), network, fusing, ArrayCanvas(plan), Forgetful(), Heard())


def portrait(plan, network, fusing=fuse):
    """A soft disc on a dark ground: sure inside, sure outside, uncertain between."""
    height, width = plan.shapes[0]
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 2) / min(height, width)
    red = np.clip((0.35 - distance) * 12 + 0.5, 0, 1) * 255
    pixels = np.stack([red, 255 - red, red // 2], axis=-1).astype(np.uint8)
    return Scene(plan, ArrayPicture(pixels, plan), network, fusing, ArrayCanvas(plan), Forgetful(), Heard())


def one_by_one(choose):
    """A scheduler with a will of its own: of the tasks whose needs are met, it runs the one that `choose` picks."""

    def run(tasks, keys):
        done, waiting = {}, dict(tasks)

        def value(argument):
            if isinstance(argument, list):
                return [value(item) for item in argument]
            return done[argument] if argument in keys_of_tasks else argument

        keys_of_tasks = set(tasks)
        needs = needs_of(tasks)
        while waiting:
            key = choose([key for key in waiting if needs[key] <= done.keys()])
            function, *args = waiting.pop(key)
            done[key] = function(*[value(argument) if isinstance(argument, list) else argument for argument in args])
        assert set(keys) <= set(done)

    return run


def needs_of(tasks):
    """Return the keys that each task names among its arguments."""
    return {key: {k for a in args if isinstance(a, list) for k in a if k in tasks} for key, (_, *args) in tasks.items()}


def in_any_order(seed):
    return one_by_one(random.Random(seed).choice)


@given(plans(), st.integers(0, 99))
def test_law_1_a_network_that_returns_a_known_picture_gets_it_back_exactly(plan, seed):
    scene = scene_of(plan, RedIsAlpha(), take_tile, seed)
    solve(scene, in_any_order(seed), dense=True)
    for level, canvas in zip(scene.picture.levels, scene.canvas.levels, strict=True):
        assert (canvas == level[..., 0].astype(np.uint16) * 257).all()


@settings(max_examples=15)
@given(plans(), st.sampled_from([1, 2, 8]), st.integers(0, 2**16), st.booleans())
def test_law_3_every_schedule_gives_the_bytes_of_the_nested_loops(plan, threads, seed, dense):
    expected = portrait(plan, ColourKey())
    oracle.solve(expected, dense=dense)
    for run in (on_threads(threads), in_any_order(seed)):
        scene = portrait(plan, ColourKey())
        solve(scene, run, dense=dense)
        for ours, theirs in zip(scene.canvas.levels, expected.canvas.levels, strict=True):
            assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_law_3_on_many_tiles_and_slow_ones(threads):
    plan = make_plan((300, 420), guide_px=48, tile_px=48, overlap_px=12)
    expected = portrait(plan, ColourKey())
    oracle.solve(expected)

    class Slow(ColourKey):
        def alpha(self, rgb):
            time.sleep(random.Random(rgb.tobytes()).random() * 0.004)
            return super().alpha(rgb)

    scene = portrait(plan, Slow())
    solve(scene, on_threads(threads))
    assert all((a == b).all() for a, b in zip(scene.canvas.levels, expected.canvas.levels, strict=True))


@settings(max_examples=15)
@given(plans(), st.booleans(), st.integers(0, 2))
def test_without_detail_the_guide_stands_and_no_tile_runs(plan, dense, finding):
    guide_only = portrait(plan, RedIsAlpha(), lambda _tile, guide, _rgb, _px: guide)
    solve(guide_only, on_threads(2), finding=finding)
    scene = portrait(plan, RedIsAlpha(), lambda _tile, guide, _rgb, _px: guide)
    reports = solve(scene, on_threads(2), dense=dense, finding=finding, detail=False)
    for ours, theirs in zip(scene.canvas.levels, guide_only.canvas.levels, strict=True):
        # Tiles of the guide, cross-faded, are rounded by a step; the next level's cubic may make two of it.
        assert np.abs(ours.astype(int) - theirs).max() <= 3
    for level, report in zip(reversed(plan.levels), reports, strict=True):
        found = level.index >= plan.levels[-1].index - finding
        assert report.tiles_run == (level.count if found else 0)


@pytest.mark.parametrize("lie", ["zeros", "ones", "half", "noise"])
def test_law_2_tiles_that_lie_cost_sharpness_but_never_a_hole(lie):
    """Averaged over 8 guide pixels, the picture that comes out is the small one enlarged."""
    plan = make_plan((256, 320), guide_px=128, tile_px=96, overlap_px=32)
    told = portrait(plan, LiesInTiles(plan.shapes[-1], lie))
    solve(told, on_threads(2), dense=True)
    guide_only = portrait(plan, RedIsAlpha(), lambda _tile, guide, _rgb, _px: guide)
    solve(guide_only, on_threads(2))
    difference = (told.canvas.levels[0].astype(float) - guide_only.canvas.levels[0]) / 65535
    means = difference.reshape(16, 16, 20, 16).mean(axis=(1, 3))
    assert np.abs(means).max() < TOLERANCE
    assert np.abs(difference).max() > 0 or lie == "half"


def test_a_panorama_rolled_by_half_gives_the_rolled_matte():
    plan = make_plan((384, 768), guide_px=48, tile_px=64, overlap_px=16, wraps=True)
    assert all(level.shape[1] % (2 * level.cols.block_px) == 0 for level in plan.levels)
    scene = scene_of(plan, ColourKey())
    scene.picture.levels[:] = [scene.picture.levels[0] // 2 + np.uint8(60), *scene.picture.levels[1:]]
    solve(scene, on_threads(2))
    half = [np.roll(level, level.shape[1] // 2, axis=1) for level in scene.picture.levels]
    rolled = scene_of(plan, ColourKey())
    rolled.picture.levels[:] = half
    solve(rolled, on_threads(2))
    for level, theirs in zip(rolled.canvas.levels, scene.canvas.levels, strict=True):
        assert (level == np.roll(theirs, level.shape[1] // 2, axis=1)).all()


def test_levels_that_find_may_add_and_never_take_away():
    """Two discs, of which the base is blind to the small one."""
    plan = make_plan((256, 256), guide_px=64, tile_px=64, overlap_px=16)

    class Blind(RedIsAlpha):
        def alpha(self, rgb):
            alpha = super().alpha(rgb)
            if len(shown) == 0:
                alpha[:20, :20] = 0
            shown.append(1)
            return alpha

    def run(finding):
        shown.clear()
        scene = portrait(plan, Blind())
        for level in scene.picture.levels:
            size = level.shape[0] // 8
            level[size // 2 : size, size // 2 : size] = (255, 0, 127)
        reports = solve(scene, on_threads(1), finding=finding)
        return scene.canvas.levels[0] / 65535, reports

    shown = []
    without, _ = run(0)
    found, reports = run(1)
    assert without[16:32, 16:32].max() < 0.1
    assert found[18:30, 18:30].min() > 0.9
    assert (found >= without - 0.1).all()
    assert [report.tiles_skipped for report in reports][:2] == [0, 0]


def test_a_gate_keeps_tiles_from_running_ahead_of_the_disk():
    """Even a scheduler that runs a tile whenever one may waits for the block above it to be written."""
    plan = make_plan((400, 300), guide_px=200, tile_px=48, overlap_px=12)
    level = plan.levels[0]
    written_when_run = []

    class Watching(ColourKey):
        def alpha(self, rgb):
            written_when_run.append(sum(index == 0 for index, _ in scene.canvas.written))
            return super().alpha(rgb)

    for ahead in (0, 3 * level.cols.count):
        written_when_run.clear()
        scene = replace(portrait(plan, Watching()), ahead=ahead)
        solve(scene, one_by_one(lambda ready: min(ready, key=lambda key: (key[0] != "tile", key[1:]))), dense=True)
        waiting = [n - written for n, written in enumerate(written_when_run[1:])]  # the first is the base
        assert len(waiting) == level.count > 7 * level.cols.count
        assert max(waiting) <= ROWS_AHEAD * level.cols.count + ahead
        assert max(waiting) >= ahead


def test_rows_of_few_tiles_let_as_many_run_as_may_be_at_work():
    """Sixteen callers, and a silhouette that is open in three columns."""
    plan = make_plan((800, 300), guide_px=200, tile_px=48, overlap_px=12)
    level = plan.levels[0]
    chosen = frozenset((i, j) for i, j in level.tiles if j in (1, 2, 4))

    def at_work(ahead):
        scene = replace(portrait(plan, ColourKey()), ahead=ahead)
        tasks = graph(scene, level, chosen, frozenset(level.tiles))
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


def test_any_other_error_ends_the_run_and_its_threads():
    plan = make_plan((200, 200), guide_px=50, tile_px=50, overlap_px=10)

    class Full(ArrayCanvas):
        def write(self, level, box, alpha):
            if level == 0:
                raise OSError("the disk is full")
            super().write(level, box, alpha)

    scene = replace(portrait(plan, ColourKey()), canvas=Full(plan))
    with pytest.raises(OSError, match="the disk is full"):
        solve(scene, on_threads(2))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tiler")]


@settings(max_examples=15)
@given(plans(), st.integers(0, 99), st.booleans())
def test_law_3_a_run_continued_from_any_blocks_gives_the_bytes_of_the_nested_loops(plan, seed, dense):
    """The levels below one in the making are complete; of itself any blocks may be there."""
    expected = portrait(plan, ColourKey())
    oracle.solve(expected, dense=dense)
    rng = random.Random(seed)
    scene = portrait(plan, ColourKey())
    reached = rng.randrange(len(plan.levels))
    for level in plan.levels[reached:]:
        blocks = [block for block in level.tiles if level.index > reached or rng.random() < 0.5]
        scene.canvas.done[level.index] = frozenset(blocks)
        for block in blocks:
            box = level.block(*block)
            scene.canvas.levels[level.index][box.slices] = expected.canvas.levels[level.index][box.slices]
    reports = solve(scene, in_any_order(seed), dense=dense)
    assert all((a == b).all() for a, b in zip(scene.canvas.levels, expected.canvas.levels, strict=True))
    written = [(level, box) for level, box in scene.canvas.written]
    assert len(written) == sum(level.count - len(scene.canvas.done[level.index]) for level in plan.levels)
    assert all(report.tiles_run == 0 for report in reports if report.level > reached)


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
        def write(self, level, box, alpha):
            time.sleep(0.002)
            super().write(level, box, alpha)

    scene = replace(portrait(plan, Counts()), canvas=Slow(plan))
    solve(scene, on_threads(4), dense=True)
    assert ran >= level.count
    assert max(held) <= (ROWS_AHEAD + 1) * level.cols.count + 4


def test_what_is_reported_is_what_ran():
    plan = make_plan((300, 420), guide_px=48, tile_px=48, overlap_px=12)
    scene = portrait(plan, ColourKey())
    reports = solve(scene, on_threads(2))
    assert [report.level for report in reports] == [level.index for level in reversed(plan.levels)]
    for report, level, (_, total), steps in zip(
        reports, reversed(plan.levels), scene.progress.stages, scene.progress.steps, strict=True
    ):
        assert report.tiles_run == total == steps
        assert report.tiles_run + report.tiles_skipped == level.count
    assert reports[-1].tiles_skipped > 0


def test_every_chosen_tile_is_a_task_and_no_task_carries_pixels():
    plan = make_plan((300, 420), guide_px=48, tile_px=48, overlap_px=12)
    level = plan.levels[0]
    chosen = frozenset([(0, 0), (1, 2)])
    undone = frozenset(level.tiles)
    tasks = graph(portrait(plan, ColourKey()), level, chosen, undone)
    assert {key[1:] for key in tasks if key[0] == "tile"} == chosen
    assert {key[1:] for key in tasks if key[0] == "block"} == set(level.tiles)
    assert not any(isinstance(argument, np.ndarray) for task in tasks.values() for argument in task)
