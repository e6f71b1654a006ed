from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import plans
from tiler.core.geometry import Box
from tiler.core.plan import LONG, make_plan

sides = st.integers(1, 100_000)


@given(sides, sides, st.integers(32, 2000))
def test_levels_halve_down_to_a_base_of_the_comfort_size(height, width, guide_px):
    plan = make_plan((height, width), guide_px=guide_px, tile_px=512, overlap_px=128)
    shapes = plan.shapes
    assert shapes[0] == (height, width)
    assert [level.index for level in plan.levels] == list(range(len(shapes)))
    assert min(shapes[-1]) == min(guide_px, height, width)
    for above, below in pairwise(shapes[:-1]):
        assert below == (-(-above[0] // 2), -(-above[1] // 2))


@given(sides, sides, st.integers(32, 2000))
def test_the_last_step_is_one_of_about_two(height, width, guide_px):
    plan = make_plan((height, width), guide_px=guide_px, tile_px=512, overlap_px=128)
    if len(plan.levels) > 1:
        ratio = min(plan.shapes[-2]) / guide_px
        assert 1 < ratio < 2.5
        assert ratio > 1.15 or len(plan.levels) == 2


@given(plans())
def test_every_level_is_partitioned_into_blocks(plan):
    for level in plan.levels:
        covered = [
            (y, x)
            for i, j in level.tiles
            for y in range(level.block(i, j).rows.start, level.block(i, j).rows.stop)
            for x in range(level.block(i, j).cols.start, level.block(i, j).cols.stop)
        ]
        assert len(covered) == len(set(covered)) == level.shape[0] * level.shape[1]
        assert level.count == len(list(level.tiles))


@given(plans())
def test_only_the_base_has_no_guide(plan):
    assert [level.guide_scale is None for level in plan.levels] == [False] * (len(plan.levels) - 1) + [True]


@given(sides, sides, st.integers(32, 2000))
def test_the_base_is_seen_whole_unless_it_is_long(height, width, guide_px):
    base = make_plan((height, width), guide_px=guide_px, tile_px=512, overlap_px=128).levels[-1]
    if max(base.shape) <= LONG * guide_px:
        assert base.read(0, 0) == base.block(0, 0) == Box.whole(base.shape)
        assert base.count == 1
    else:
        assert base.count > 1
        assert max(base.read(0, 0).shape) == LONG * guide_px


def test_a_panorama_wraps_in_every_level():
    plan = make_plan((3000, 6000), guide_px=512, tile_px=512, overlap_px=128, wraps=True)
    assert all(level.cols.wraps and not level.rows.wraps for level in plan.levels)
