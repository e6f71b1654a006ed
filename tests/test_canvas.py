import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import plans
from tiler.canvas import WHITE, Canvas
from tiler.geometry import Box


@given(plans(wraps=st.just(False)), st.integers(0, 99))
def test_what_is_written_block_by_block_is_read_in_any_window(tmp_path_factory, plan, seed):
    canvas = Canvas(tmp_path_factory.mktemp("canvas") / "c", plan)
    rng = np.random.default_rng(seed)
    for level in plan.levels:
        alpha = rng.random(level.shape, np.float32) * 1.2 - 0.1
        for i, j in rng.permutation(list(level.tiles)):
            canvas.write(level.index, level.block(i, j), alpha[level.block(i, j).slices])
        expected = np.rint(np.clip(alpha, 0, 1) * WHITE)
        assert (canvas.steps(level.index, Box.whole(level.shape)) == expected).all()
        box = level.support(*next(iter(level.tiles)))
        np.testing.assert_allclose(canvas.alpha(level.index, box), expected[box.slices] / WHITE, atol=1e-7)
