import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import plans
from tiler.core.blending import blend, touching


def unrolled(alpha, box):
    """The pixels of a box that may reach around the join."""
    rows = np.arange(box.rows.start, box.rows.stop) % alpha.shape[0]
    cols = np.arange(box.cols.start, box.cols.stop) % alpha.shape[1]
    return alpha[np.ix_(rows, cols)]


@given(plans(), st.data())
def test_tiles_that_agree_with_each_other_and_the_guide_come_back_exactly(plan, data):
    """Law 1, with any subset of the tiles run."""
    level = plan.levels[0]
    known = np.random.default_rng(0).random(level.shape, np.float32)
    ran = data.draw(st.sets(st.sampled_from(list(level.tiles))))
    tiles = {(i, j): unrolled(known, level.support(i, j)) for i, j in ran}
    for i, j in level.tiles:
        out = blend(level, i, j, tiles, lambda box: unrolled(known, box))
        np.testing.assert_allclose(out, known[level.block(i, j).slices], atol=1e-6)


@given(plans())
def test_a_block_asks_for_just_the_tiles_it_names(plan):
    level = plan.levels[0]
    tiles = {(i, j): np.ones(level.support(i, j).shape, np.float32) for i, j in level.tiles}

    def no_guide(_box):
        pytest.fail("every tile ran, yet the guide was asked")

    for i, j in level.tiles:
        own = {tile: tiles[tile] for tile in touching(level, i, j)}
        np.testing.assert_allclose(blend(level, i, j, own, no_guide), 1, atol=1e-6)
