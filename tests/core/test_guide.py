import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import plans
from tiler.core.geometry import Box, Span
from tiler.core.guide import OVERSHOOT, SATURATED, blocks_below, enlarge, tiles_open_at_base, uncertain_tiles
from tiler.core.plan import make_plan


def reader(alpha):
    return lambda box: alpha[box.slices]


def two_levels(plan):
    return (plan.levels[0], plan.levels[1]) if len(plan.levels) > 1 else None


def random_alpha(shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def cubic(t):
    """Keys' kernel with a = -1/2, as the paper writes it."""
    t = abs(t)
    if t <= 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def enlarged_slowly(alpha, y, x, level):
    """One pixel of the guide, by the definition."""
    out = 0.0
    py, px = (y + 0.5) / level.guide_scale[0] - 0.5, (x + 0.5) / level.guide_scale[1] - 0.5
    for v in range(int(np.floor(py)) - 1, int(np.floor(py)) + 3):
        for u in range(int(np.floor(px)) - 1, int(np.floor(px)) + 3):
            row = v % alpha.shape[0] if level.rows.wraps else min(max(v, 0), alpha.shape[0] - 1)
            col = u % alpha.shape[1] if level.cols.wraps else min(max(u, 0), alpha.shape[1] - 1)
            out += alpha[row, col] * cubic(py - v) * cubic(px - u)
    return min(max(out, 0.0), 1.0)


@given(plans(), st.data())
def test_the_guide_is_the_cubic_of_the_level_below(plan, data):
    if (levels := two_levels(plan)) is None:
        return
    level, below = levels
    alpha = random_alpha(below.shape)
    y, x = data.draw(st.integers(0, level.shape[0] - 1)), data.draw(st.integers(0, level.shape[1] - 1))
    found = enlarge(reader(alpha), Box(Span(y, y + 1), Span(x, x + 1)), level, below)
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(enlarged_slowly(alpha, y, x, level), abs=1e-5)


@given(plans(), st.sampled_from([0, 1]), st.data())
def test_where_all_is_0_or_all_is_1_so_is_the_guide_to_the_bit(plan, value, data):
    """A box that sees nothing else takes a shorter way; the whole picture, with another pixel somewhere, does not."""
    if (levels := two_levels(plan)) is None:
        return
    level, below = levels
    alpha = np.full(below.shape, value, np.float32)
    y, x = data.draw(st.integers(0, below.shape[0] - 1)), data.draw(st.integers(0, below.shape[1] - 1))
    alpha[y, x] = 0.5
    whole = enlarge(reader(alpha), Box.whole(level.shape), level, below)
    for i, j in level.tiles:
        box = level.block(i, j)
        assert (enlarge(reader(alpha), box, level, below) == whole[box.slices]).all()
    reach = int(3 * max(level.guide_scale)) + 1
    rows = np.abs(np.arange(level.shape[0]) - y * level.guide_scale[0]) > reach
    assert (whole[rows] == value).all()


@given(plans(), st.data())
def test_a_pixel_does_not_depend_on_the_box_it_was_asked_in(plan, data):
    if (levels := two_levels(plan)) is None:
        return
    level, below = levels
    alpha = random_alpha(below.shape)
    whole = enlarge(reader(alpha), Box.whole(level.shape), level, below)
    i, j = data.draw(st.sampled_from(list(level.tiles)))
    box = level.block(i, j)
    assert (enlarge(reader(alpha), box, level, below) == whole[box.slices]).all()


@given(plans(wraps=st.just(True)), st.integers(-60, 60), st.integers(1, 60))
def test_around_the_join_a_pixel_is_the_same_pixel(plan, first, size):
    """Odd widths too, whose half is rounded up."""
    if (levels := two_levels(plan)) is None:
        return
    level, below = levels
    alpha = random_alpha(below.shape)
    whole = enlarge(reader(alpha), Box.whole(level.shape), level, below)
    found = enlarge(reader(alpha), Box(Span(0, level.shape[0]), Span(first, first + size)), level, below)
    assert (found == whole[:, np.arange(first, first + size) % level.shape[1]]).all()


@given(plans(), st.floats(0, 1, width=32))
def test_what_is_flat_stays_flat(plan, value):
    if (levels := two_levels(plan)) is None:
        return
    level, below = levels
    guide = enlarge(reader(np.full(below.shape, value, np.float32)), Box.whole(level.shape), level, below)
    np.testing.assert_allclose(guide, value, atol=1e-6)


def test_a_tile_across_the_join_sees_both_ends():
    plan = make_plan((64, 128), guide_px=32, tile_px=32, overlap_px=8, wraps=True)
    level, below = plan.levels
    alpha = random_alpha(below.shape)
    whole = enlarge(reader(alpha), Box.whole(level.shape), level, below)
    around = enlarge(reader(alpha), Box(Span(0, 64), Span(-10, 10)), level, below)
    assert (around == np.concatenate([whole[:, -10:], whole[:, :10]], axis=1)).all()


@given(plans(), st.integers(0, 2**31), st.integers(0, 6))
def test_a_tile_that_is_not_open_is_solved_by_its_guide(plan, seed, blob):
    if (levels := two_levels(plan)) is None:
        return
    level, below = levels
    rng = np.random.default_rng(seed)
    alpha = np.full(below.shape, rng.integers(0, 2), np.float32)
    y, x = rng.integers(0, below.shape[0]), rng.integers(0, below.shape[1])
    alpha[y : y + blob, x : x + blob] = rng.random()
    found = uncertain_tiles(reader(alpha), level, below)
    for i, j in set(level.tiles) - found:
        box = level.support(i, j)
        guide = enlarge(reader(alpha), box, level, below)
        # The positive weights of the cubic sum to 1.28 at most in two dimensions.
        assert guide.max() <= 1.3 * SATURATED or guide.min() >= 1 - 1.3 * SATURATED


def test_a_flat_picture_opens_nothing_and_an_edge_opens_its_tiles_alone():
    plan = make_plan((400, 400), guide_px=200, tile_px=100, overlap_px=20)
    level, below = plan.levels
    alpha = np.zeros(below.shape, np.float32)
    assert uncertain_tiles(reader(alpha), level, below) == frozenset()
    alpha[:, 100:] = 1
    found = uncertain_tiles(reader(alpha), level, below)
    crossed = {(i, j) for i, j in level.tiles if level.support(i, j).cols.start <= 200 <= level.support(i, j).cols.stop}
    assert found == crossed


@given(plans(), st.integers(0, 2**16))
def test_the_base_names_every_tile_that_will_be_uncertain(plan, seed):
    """Whatever is made of the pixels that are uncertain; the others are the guide's, rounded as on a canvas."""
    rng = np.random.default_rng(seed)
    base, *above = reversed(plan.levels)
    nearly = SATURATED / OVERSHOOT ** len(above)
    patches = rng.choice([0, nearly, 1 - nearly, 1, 0.5], (4, 4), p=[0.3, 0.25, 0.1, 0.3, 0.05]).astype(np.float32)
    rows, cols = (np.arange(side) * 4 // side for side in base.shape)
    alpha = on_base = patches[rows][:, cols]
    for level in above:
        below = plan.levels[level.index + 1]
        opened = tiles_open_at_base(reader(on_base), level, base)
        assert uncertain_tiles(reader(alpha), level, below) <= opened
        guide = enlarge(reader(alpha), Box.whole(level.shape), level, below)
        uncertain = (guide > SATURATED) & (guide < 1 - SATURATED)
        made = np.where(uncertain, rng.random(level.shape, np.float32), guide)
        alpha = (np.rint(made * 65535) / 65535).astype(np.float32)


def test_of_a_wide_empty_ground_the_base_leaves_nothing_open():
    plan = make_plan((640, 640), guide_px=80, tile_px=40, overlap_px=8)
    alpha = np.zeros(plan.shapes[-1], np.float32)
    alpha[:20, :20] = 0.5
    for level in plan.levels[:-1]:
        opened = tiles_open_at_base(reader(alpha), level, plan.levels[-1])
        assert (0, 0) in opened
        assert len(opened) <= level.count // 4 + 3
    assert len(tiles_open_at_base(reader(alpha), plan.levels[0], plan.levels[-1])) <= plan.levels[0].count // 8


@given(plans(), st.data())
def test_the_blocks_below_hold_all_that_is_read(plan, data):
    if (levels := two_levels(plan)) is None:
        return
    level, below = levels
    box = level.read(*data.draw(st.sampled_from(list(level.tiles))))
    there = np.zeros(below.shape, bool)
    for block in blocks_below(level, box, below):
        there[below.block(*block).slices] = True
    alpha = random_alpha(below.shape)

    def read(part):
        assert there[part.slices].all()
        return alpha[part.slices]

    enlarge(read, box, level, below)
    uncertain_tiles(read, level, below, [tile for tile in level.tiles if level.read(*tile) == box])
