import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import plans
from tiler.core.geometry import Box, Span
from tiler.core.region import regions_of, tiles_in


@given(plans(), st.data())
def test_a_tile_is_in_if_a_pixel_of_its_support_is(plan, data):
    height, width = plan.shapes[0]
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    region = Box(Span(top, bottom), Span(left, right))
    for level in plan.levels:
        covered = np.zeros(level.shape, bool)
        down, across = level.shape[0] / height, level.shape[1] / width
        covered[int(top * down) : int(np.ceil(bottom * down)), int(left * across) : int(np.ceil(right * across))] = True
        expected = set()
        for tile in level.tiles:
            box = level.support(*tile)
            rows = list(level.rows.pieces(box.rows))
            cols = list(level.cols.pieces(box.cols))
            if any(covered[r.slice, c.slice].any() for r in rows for c in cols):
                expected.add(tile)
        assert tiles_in(level, [region], plan.shapes[0]) == expected


def test_a_rectangle_is_left_top_width_height():
    assert regions_of(["1,2,30,40"]) == (Box(Span(2, 42), Span(1, 31)),)


@given(plans())
def test_without_regions_every_tile_is_in(plan):
    assert tiles_in(plan.levels[0], (), plan.shapes[0]) == set(plan.levels[0].tiles)
