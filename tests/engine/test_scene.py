import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import plans
from tiler.core.geometry import Box
from tiler.core.plan import make_plan
from tiler.engine.scene import window


@given(plans(wraps=st.just(True)), st.integers(0, 99))
def test_a_window_across_the_join_holds_the_pixels_on_both_sides(plan, seed):
    level = plan.levels[0]
    picture = np.random.default_rng(seed).random(level.shape)
    for tile in level.tiles:
        box = level.read(*tile)
        got = window(lambda real: picture[real.slices], box, level)
        cols = np.arange(box.cols.start, box.cols.stop) % level.shape[1]
        assert (got == picture[box.rows.slice][:, cols]).all()


def test_a_window_inside_the_picture_is_read_once():
    asked = []
    level = make_plan((64, 96), guide_px=16, tile_px=16, overlap_px=4).levels[0]
    box = Box.whole((16, 16))
    window(lambda real: asked.append(real) or np.zeros(real.shape), box, level)
    assert asked == [box]
