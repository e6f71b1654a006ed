import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import plans
from tiler.core.geometry import Box
from tiler.core.plan import make_plan
from tiler.core.seams import Seam
from tiler.errors import InputError
from tiler.store.canvas import WHITE, Canvas, seams_on


@given(plans(wraps=st.just(False)), st.integers(0, 99))
def test_what_is_written_block_by_block_is_read_in_any_window(tmp_path_factory, plan, seed):
    canvas = Canvas(tmp_path_factory.mktemp("canvas") / "c", plan)
    rng = np.random.default_rng(seed)
    for level in plan.levels:
        alpha = rng.random(level.shape, np.float32) * 1.2 - 0.1
        for i, j in rng.permutation(list(level.tiles)):
            canvas.write(level.index, i, j, alpha[level.block(i, j).slices])
        expected = np.rint(np.clip(alpha, 0, 1) * WHITE)
        assert (canvas.steps(level.index, Box.whole(level.shape)) == expected).all()
        box = level.support(*next(iter(level.tiles)))
        np.testing.assert_allclose(canvas.alpha(level.index, box), expected[box.slices] / WHITE, atol=1e-7)


def test_levels_and_seams_are_read_from_the_folder_alone(tmp_path):
    plan = make_plan((200, 300), guide_px=50, tile_px=64, overlap_px=16)
    canvas = Canvas(tmp_path / "canvas", plan)
    seams = [Seam(level, "cols", 1, 1, 9, 0.1, 0.2, 0.3, 4, 5, 1.5) for level in (0, 1)]
    for seam in seams:
        block = plan.levels[seam.level].block(seam.row, seam.col)
        canvas.write(seam.level, seam.row, seam.col, np.zeros(block.shape, np.float32), [seam])
    assert seams_on(tmp_path) == seams_on(tmp_path / "canvas") == (plan.shapes, tuple(seams))
    with pytest.raises(InputError, match="no canvas"):
        seams_on(tmp_path / "canvas" / "0")
