"""Staged changes are invisible until they are committed and applied; then all of them are there."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import plans
from tiler.core.geometry import Box
from tiler.core.plan import make_plan
from tiler.core.seams import Seam
from tiler.store.canvas import Canvas


@given(plans(wraps=st.just(False)), st.data())
def test_the_picture_changes_as_a_whole_and_only_when_it_is_applied(tmp_path_factory, plan, data):
    root, level = tmp_path_factory.mktemp("canvas") / "c", plan.levels[0]
    canvas, whole = Canvas(root, plan), Box.whole(level.shape)
    for block in level.tiles:
        canvas.write(0, *block, np.zeros(level.block(*block).shape, np.float32))
    changed = data.draw(st.sets(st.sampled_from(list(level.tiles))))
    expected = np.zeros(level.shape, np.uint16)
    for i, j in changed:
        canvas.stage_block(0, i, j, np.ones(level.block(i, j).shape, np.float32))
        expected[level.block(i, j).slices] = 65535
    canvas.apply_staged(0)
    assert not canvas.steps(0, whole).any()
    canvas.commit(0, [], "what was done")
    assert not canvas.steps(0, whole).any()
    again = Canvas(root, plan)
    assert again.committed(0) == "what was done"
    for _ in range(2):
        again.apply_staged(0)
        assert (again.steps(0, whole) == expected).all()


def test_what_is_discarded_is_gone_from_the_disk(tmp_path):
    plan = make_plan((64, 64), guide_px=16, tile_px=32, overlap_px=8)
    canvas = Canvas(tmp_path, plan)
    before = sorted(tmp_path.rglob("*"))
    canvas.stage_block(0, 0, 0, np.ones(plan.levels[0].block(0, 0).shape, np.float32))
    canvas.commit(0, [], "note")
    canvas.discard_staged(0)
    assert canvas.committed(0) is None
    assert sorted(tmp_path.rglob("*")) == before


def test_seams_that_were_committed_replace_their_own_and_leave_the_others(tmp_path):
    plan = make_plan((64, 64), guide_px=16, tile_px=32, overlap_px=8)
    canvas = Canvas(tmp_path, plan)
    left, above = (Seam(0, across, 1, 1, 9, 0.1, 0.2, 0.3, 4, 5, 1.5) for across in ("cols", "rows"))
    canvas.write(0, 1, 1, np.zeros(plan.levels[0].block(1, 1).shape, np.float32), [left, above])
    better = Seam(0, "rows", 1, 1, 9, 0.01, 0.02, 0.03, 4, 5, 1.0)
    canvas.commit(0, [better], "")
    canvas.apply_staged(0)
    assert set(canvas.seams_of(0)) == {left, better}
