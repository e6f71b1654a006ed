from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tests.core.test_blending import unrolled
from tests.strategies import plans
from tiler.core.geometry import Axis
from tiler.core.plan import Level
from tiler.core.seams import (
    LIMIT,
    PATCH_PX,
    from_rows,
    judge,
    measure_block,
    step_ratio,
    to_rows,
    uncertain,
    worst_first,
)

STEP = 1 / 255
VISIBLE = 2 * STEP


def level_of(height=300, width=400, wraps=False):
    return Level(0, Axis.tiled(height, 128, 64), Axis.tiled(width, 128, 64, wraps=wraps), (2.0, 2.0))


def soft_matte(shape, seed):
    """Hills of every height: uncertain nearly everywhere, with shores of sure foreground and background."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    hills = ndimage.gaussian_filter(noise, 12, mode="wrap")
    return np.clip(0.5 + 0.2 * hills / hills.std(), 0, 1).astype(np.float32)


def cut(level, matte):
    """The tiles of a network that is never wrong."""
    return {(i, j): unrolled(matte, level.support(i, j)) for i, j in level.tiles}


def measure(level, tiles, guide=None):
    ask = (lambda box: unrolled(guide, box)) if guide is not None else _no_guide
    return [seam for i, j in level.tiles for seam in measure_block(level, i, j, tiles, ask)]


def _no_guide(_box):
    pytest.fail("every tile ran, yet the guide was asked")


def has_side(level, seam, tile):
    return tile in [(i % level.rows.count, j % level.cols.count) for i, j in seam.tiles]


def add(alpha, step):
    return np.clip(alpha + np.float32(step), 0, 1)


@pytest.mark.parametrize("seed", range(25))
def test_planted_steps_are_found_where_they_are_and_ranked_as_they_are(seed):
    """A hundred plantings: a step of 1, 2, 4 and 8 of 255, each in a tile of its own, in 25 mattes."""
    rng = np.random.default_rng(seed)
    level = level_of()
    tiles = cut(level, soft_matte(level.shape, seed))
    apart = [(0, 0), (0, 4), (3, 1), (3, 5)]
    assert (level.rows.count, level.cols.count) == (5, 7)
    planted = dict(zip([8, 4, 2, 1], rng.permutation(apart).tolist(), strict=True))
    for step, tile in planted.items():
        tiles[tuple(tile)] = add(tiles[tuple(tile)], step * STEP)
    seams = worst_first(measure(level, tiles))
    for step, tile in planted.items():
        around = [seam for seam in seams if has_side(level, seam, tuple(tile))]
        worst = around[0]
        assert worst.worst == pytest.approx(step * STEP, rel=1e-3)
        assert all(seam.mean == pytest.approx(step * STEP, rel=0.05) for seam in around)
        support = level.support(*tile)
        assert support.rows.start <= worst.worst_row < support.rows.stop
        assert support.cols.start <= worst.worst_col < support.cols.stop
        if step * STEP > VISIBLE:
            assert {seam for seam in seams if seam.worst > VISIBLE} >= set(around[:1])
    ranks = [next(n for n, seam in enumerate(seams) if has_side(level, seam, tuple(tile))) for tile in planted.values()]
    assert ranks == sorted(ranks)
    quiet = [seam for seam in seams if not any(has_side(level, seam, tuple(tile)) for tile in planted.values())]
    assert quiet
    assert not any(seam.worst or seam.mean or seam.p99 for seam in quiet)


@pytest.mark.parametrize("seed", range(8))
def test_a_shifted_tile_is_found_and_the_further_shifted_is_worse(seed):
    level = level_of()
    rng = np.random.default_rng(seed)
    tile = (int(rng.integers(level.rows.count)), int(rng.integers(level.cols.count)))
    matte = soft_matte(level.shape, seed)
    found = []
    for shift_px in (1, 2, 4, 8):
        tiles = cut(level, matte)
        tiles[tile] = unrolled(np.roll(matte, shift_px, axis=(0, 1)), level.support(*tile))
        seams = worst_first(measure(level, tiles))
        assert has_side(level, seams[0], tile)
        assert seams[0].worst > VISIBLE
        assert all(has_side(level, seam, tile) for seam in seams if seam.worst > 0)
        found.append(seams[0].worst)
    assert found == sorted(found)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("body", ["soft", "solid"])
def test_a_missing_tile_is_the_worst_of_all_even_inside_a_body(seed, body):
    level = level_of()
    rng = np.random.default_rng(seed)
    tile = (int(rng.integers(level.rows.count)), int(rng.integers(level.cols.count)))
    matte = soft_matte(level.shape, seed) if body == "soft" else np.ones(level.shape, np.float32)
    tiles = cut(level, matte)
    tiles[tile] = np.zeros_like(tiles[tile])
    seams = measure(level, tiles)
    assert has_side(level, worst_first(seams)[0], tile)
    assert judge(seams).above >= 2
    assert all(has_side(level, seam, tile) for seam in seams if seam.worst > 0)


def test_a_blend_that_does_not_fade_shows_in_the_step_ratio():
    """Over 1 px a step stays a step; over 32 px it is gone, though the tiles disagree as much."""
    height, width = 96, 256
    sharp = Level(0, Axis.single(height), Axis(width, 64, 96, 1), (2.0, 2.0))
    soft = Level(0, Axis.single(height), Axis(width, 64, 96, 32), (2.0, 2.0))
    matte = soft_matte((height, width), 3)
    ratios = {}
    for name, level in {"sharp": sharp, "soft": soft}.items():
        tiles = cut(level, matte)
        tiles[0, 1] = add(tiles[0, 1], 40 * STEP)
        seams = measure(level, tiles)
        assert [seam.row for seam in seams] == [0, 0, 0]
        assert seams[0].mean == pytest.approx(40 * STEP, rel=0.05)
        assert seams[2].mean == 0
        ratios[name] = [seam.step_ratio for seam in seams]
    assert min(ratios["sharp"][:2]) > 2.5
    assert max(ratios["soft"]) < 1.5
    assert ratios["sharp"][2] < 1.5


def test_the_step_ratio_of_a_slope_is_1_and_of_nothing_is_1():
    assert step_ratio(np.tile(np.linspace(0.2, 0.7, 6, dtype=np.float32), (5, 1))) == pytest.approx(1, rel=1e-3)
    assert step_ratio(np.ones((5, 6), np.float32)) == 1
    stair = np.tile(np.float32([0.3, 0.31, 0.32, 0.42, 0.43, 0.44]), (5, 1))
    assert step_ratio(stair) == pytest.approx(10, rel=1e-3)


@given(plans(), st.integers(0, 99), st.data())
def test_a_seamless_matte_has_no_seams_whichever_tiles_ran(plan, seed, data):
    """Wrapping or not, at every size: nothing is found where nothing is wrong."""
    level = plan.levels[0]
    known = np.random.default_rng(seed).random(level.shape, np.float32)
    ran = data.draw(st.sets(st.sampled_from(list(level.tiles))))
    tiles = {tile: alpha for tile, alpha in cut(level, known).items() if tile in ran}
    seams = measure(level, tiles, known)
    assert all(seam.mean == seam.p99 == seam.worst == 0 for seam in seams)
    assert judge(seams, 0.0).passed
    assert judge(seams, 0.0).mean == 0


@given(plans())
def test_every_overlap_is_measured_once_and_only_where_tiles_meet(plan):
    level = plan.levels[0]
    seams = measure(level, cut(level, np.full(level.shape, 0.5, np.float32)))
    named = [(seam.across, seam.row, seam.col) for seam in seams]
    assert len(set(named)) == len(named)
    rows, cols = level.rows, level.cols
    meets = cols.feather_px > 0
    assert sum(across == "rows" for across, _, _ in named) == (rows.feather_px > 0) * (rows.count - 1) * cols.count
    assert sum(across == "cols" for across, _, _ in named) == meets * rows.count * (cols.count - (not cols.wraps))
    for seam in seams:
        assert 0 <= seam.worst_row < level.shape[0]
        assert 0 <= seam.worst_col < level.shape[1]


def test_a_tile_beside_one_that_did_not_run_is_held_against_the_guide():
    level = level_of()
    matte = soft_matte(level.shape, 1)
    tiles = {(2, 2): add(cut(level, matte)[2, 2], 8 * STEP)}
    seams = measure(level, tiles, matte)
    assert {(seam.across, seam.row, seam.col) for seam in seams} == {
        ("rows", 2, 2),
        ("rows", 3, 2),
        ("cols", 2, 2),
        ("cols", 2, 3),
    }
    assert all(seam.worst == pytest.approx(8 * STEP, rel=1e-3) for seam in seams)


def test_around_the_join_of_a_panorama():
    level = level_of(wraps=True)
    matte = soft_matte(level.shape, 5)
    tiles = cut(level, matte)
    last = level.cols.count - 1
    tiles[1, last] = add(tiles[1, last], 8 * STEP)
    join = next(seam for seam in measure(level, tiles) if (seam.across, seam.row, seam.col) == ("cols", 1, 0))
    assert join.tiles == ((1, -1), (1, 0))
    assert join.worst == pytest.approx(8 * STEP, rel=1e-3)
    reach = level.cols.feather_px
    assert join.worst_col < reach or join.worst_col >= level.shape[1] - reach


def test_only_what_is_uncertain_counts():
    sure, soft = np.float32([0, 0.019, 1, 0.99, 0.5, 0]), np.float32([0.01, 0, 1, 1, 0.5, 1])
    assert uncertain(sure[None], soft[None]).tolist() == [[False, False, False, False, True, True]]
    level = level_of()
    empty = np.zeros(level.shape, np.float32)
    tiles = cut(level, empty)
    tiles[1, 1] = add(tiles[1, 1], 4 * STEP)  # nearer than sure to nothing: not to be seen
    assert judge(measure(level, tiles), 0.0).passed
    support = level.support(1, 1)
    tiles[1, 1][60 : 60 + PATCH_PX] = 0.5
    seams = worst_first(measure(level, tiles))
    assert 0 < seams[0].pixels < support.shape[0] * support.shape[1]
    assert seams[0].mean == pytest.approx(0.5)
    assert support.rows.start + 60 <= seams[0].worst_row <= support.rows.start + 60 + PATCH_PX


def test_rows_and_back():
    level = level_of()
    tiles = cut(level, soft_matte(level.shape, 2))
    tiles[0, 1] = add(tiles[0, 1], 8 * STEP)
    seams = measure(level, tiles)
    rows = to_rows(seams)
    assert rows.shape == (len(seams), 11)
    assert from_rows(rows) == tuple(seams)
    assert from_rows(to_rows([])) == ()


def test_a_run_is_judged_by_its_worst_place():
    level = level_of()
    tiles = cut(level, soft_matte(level.shape, 2))
    good = measure(level, tiles)
    assert judge(good).passed
    bad = [replace(good[0], worst=LIMIT + 0.001, mean=0.1, pixels=100), *good[1:]]
    judged = judge(bad)
    assert (judged.passed, judged.above, judged.count) == (False, 1, len(good))
    assert judged.worst[0] == bad[0]
    assert len(judged.worst) == 10
    assert judged.mean == pytest.approx(10 / sum(seam.pixels for seam in bad))
    assert judge(bad, LIMIT + 0.01).passed
    assert judge([]) == judge([], LIMIT)
