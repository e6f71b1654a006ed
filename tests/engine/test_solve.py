import random
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import oracle
from tests.engine.scenes import in_any_order, portrait, scene_of
from tests.fakes import ArrayCanvas, ColourKey, LiesInTiles, RedIsAlpha, take_tile
from tests.strategies import plans
from tiler.core.constraint import TOLERANCE
from tiler.core.plan import make_plan
from tiler.engine.graph import on_threads
from tiler.engine.solve import solve


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
def test_without_detail_the_guide_stands_and_no_tile_runs(plan, dense, dense_levels):
    guide_only = portrait(plan, RedIsAlpha(), lambda _tile, guide, *_: guide)
    solve(guide_only, on_threads(2), dense_levels=dense_levels)
    scene = portrait(plan, RedIsAlpha(), lambda _tile, guide, *_: guide)
    reports = solve(scene, on_threads(2), dense=dense, dense_levels=dense_levels, detail=False)
    for ours, theirs in zip(scene.canvas.levels, guide_only.canvas.levels, strict=True):
        # Tiles of the guide, cross-faded, are rounded by a step; the next level's cubic may make two of it.
        assert np.abs(ours.astype(int) - theirs).max() <= 3
    for level, report in zip(reversed(plan.levels), reports, strict=True):
        found = level.index >= plan.levels[-1].index - dense_levels
        assert report.tiles_run == (level.count if found else 0)


@pytest.mark.parametrize("lie", ["zeros", "ones", "half", "noise"])
def test_tiles_that_lie_cost_sharpness_and_never_a_hole(lie):
    """Averaged over 8 guide pixels, the picture that comes out is the small one enlarged."""
    plan = make_plan((256, 320), guide_px=128, tile_px=96, overlap_px=32)
    lied_to = portrait(plan, LiesInTiles(plan.shapes[-1], lie))
    solve(lied_to, on_threads(2), dense=True)
    guide_only = portrait(plan, RedIsAlpha(), lambda _tile, guide, *_: guide)
    solve(guide_only, on_threads(2))
    difference = (lied_to.canvas.levels[0].astype(float) - guide_only.canvas.levels[0]) / 65535
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


def test_dense_levels_may_add_and_never_take_away():
    """Two discs, of which the base is blind to the small one."""
    plan = make_plan((256, 256), guide_px=64, tile_px=64, overlap_px=16)

    class Blind(RedIsAlpha):
        def alpha(self, rgb):
            alpha = super().alpha(rgb)
            if len(shown) == 0:
                alpha[:20, :20] = 0
            shown.append(1)
            return alpha

    def run(dense_levels):
        shown.clear()
        scene = portrait(plan, Blind())
        for level in scene.picture.levels:
            size = level.shape[0] // 8
            level[size // 2 : size, size // 2 : size] = (255, 0, 127)
        reports = solve(scene, on_threads(1), dense_levels=dense_levels)
        return scene.canvas.levels[0] / 65535, reports

    shown = []
    without, _ = run(0)
    found, reports = run(1)
    assert without[16:32, 16:32].max() < 0.1
    assert found[18:30, 18:30].min() > 0.9
    assert (found >= without - 0.1).all()
    assert [report.tiles_skipped for report in reports][:2] == [0, 0]


def test_any_other_error_ends_the_run_and_its_threads():
    plan = make_plan((200, 200), guide_px=50, tile_px=50, overlap_px=10)

    class Full(ArrayCanvas):
        def write(self, level, *block):
            if level == 0:
                raise OSError("the disk is full")
            super().write(level, *block)

    scene = replace(portrait(plan, ColourKey()), canvas=Full(plan))
    with pytest.raises(OSError, match="the disk is full"):
        solve(scene, on_threads(2))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tiler")]


@settings(max_examples=15)
@given(plans(), st.integers(0, 99), st.booleans())
def test_law_3_a_run_continued_from_any_blocks_gives_the_bytes_of_the_nested_loops(plan, seed, dense):
    """Levels are made side by side, so any blocks of any of them may be there."""
    expected = portrait(plan, ColourKey())
    oracle.solve(expected, dense=dense)
    rng = random.Random(seed)
    scene = portrait(plan, ColourKey())
    for level in plan.levels:
        share = rng.choice([0, 0.5, 1])
        blocks = [block for block in level.tiles if rng.random() < share]
        scene.canvas.finished[level.index] = frozenset(blocks)
        for block in blocks:
            box = level.block(*block)
            scene.canvas.levels[level.index][box.slices] = expected.canvas.levels[level.index][box.slices]
    reports = solve(scene, in_any_order(seed), dense=dense)
    assert all((a == b).all() for a, b in zip(scene.canvas.levels, expected.canvas.levels, strict=True))
    written = [(level, box) for level, box in scene.canvas.written]
    assert len(written) == sum(level.count - len(scene.canvas.finished[level.index]) for level in plan.levels)
    for report in reports:
        whole = len(scene.canvas.finished[report.level]) == plan.levels[report.level].count
        assert report.tiles_run == 0 or not whole


def test_what_is_reported_is_what_ran():
    class Counting(ColourKey):
        asked = 0

        def alpha(self, rgb):
            self.asked += 1
            return super().alpha(rgb)

    plan = make_plan((300, 420), guide_px=48, tile_px=48, overlap_px=12)
    scene = portrait(plan, Counting())
    reports = solve(scene, on_threads(2))
    assert [report.level for report in reports] == [level.index for level in reversed(plan.levels)]
    (_, of_base), (_, of_levels) = scene.progress.stages
    assert of_base == reports[0].tiles_run == scene.progress.steps[0]
    assert sum(report.tiles_run for report in reports[1:]) <= of_levels == scene.progress.steps[1]
    assert sum(report.tiles_run for report in reports) == scene.network.asked
    for report, level in zip(reports, reversed(plan.levels), strict=True):
        assert report.tiles_run + report.tiles_skipped == level.count
    assert reports[-1].tiles_skipped > 0
