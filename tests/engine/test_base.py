"""The base of many views is the consensus of their answers, whatever the order in which they come."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.scenes import in_any_order, scene_of
from tests.fakes import ColourKey, RedIsAlpha
from tests.strategies import plans
from tiler.core.geometry import Box
from tiler.core.plan import make_plan
from tiler.engine.answer import agreed, view_answer
from tiler.engine.base import base_graph
from tiler.engine.graph import on_threads
from tiler.engine.solve import solve
from tiler.errors import ModelError
from tiler.image.hints import Hints
from tiler.model.retry import NoAnswerError
from tiler.model.views import View

VIEWS = tuple(View(scale, mirrored) for scale in (0.5, 1.0, 0.75) for mirrored in (False, True))


@settings(max_examples=15)
@given(plans(), st.integers(0, 99))
def test_every_schedule_gives_the_same_base(plan, seed):
    base, whole = plan.levels[-1], Box.whole(plan.shapes[-1])
    scenes = [replace(scene_of(plan, ColourKey(), seed=seed), views=VIEWS) for _ in range(2)]
    for scene, run in zip(scenes, [in_any_order(seed), on_threads(2)], strict=True):
        scene.progress.stage("base", 1)
        run(base_graph(scene, base, frozenset(base.tiles)), [("row", base.rows.count - 1)])
    one, other = (scene.canvas for scene in scenes)
    assert (one.levels[-1] == other.levels[-1]).all()
    assert (one.spread(whole) == other.spread(whole)).all()


def test_a_base_of_one_tile_is_the_consensus_of_its_views():
    plan = make_plan((200, 160), guide_px=40, tile_px=32, overlap_px=8)
    base = plan.levels[-1]
    scene = replace(scene_of(plan, ColourKey()), views=VIEWS)
    solve(scene, on_threads(2), detail=False)
    answers = [view_answer(scene, base, Box.whole(base.shape), view) for view in VIEWS]
    expected = agreed(scene, base, Box.whole(base.shape), answers)
    assert (scene.canvas.levels[-1] == np.rint(expected.alpha * 65535)).all()
    assert (scene.canvas.spread(Box.whole(base.shape)) == expected.spread).all()
    assert expected.spread.max() > 0


def test_a_trimap_takes_the_doubt_of_known_pixels_alone():
    plan = make_plan((80, 80), guide_px=80, tile_px=80, overlap_px=8)
    base = plan.levels[-1]
    whole = Box.whole(base.shape)
    free = replace(scene_of(plan, ColourKey()), views=VIEWS)
    trimap = np.full((80, 80), 128, np.uint8)
    trimap[:, :10], trimap[:, 70:] = 0, 255
    answers = [view_answer(free, base, whole, view) for view in VIEWS]
    without = agreed(free, base, whole, answers)
    found = agreed(replace(free, hints=Hints(trimap=trimap)), base, whole, answers)
    assert (found.alpha[:, :10] == 0).all()
    assert (found.alpha[:, 70:] == 1).all()
    assert not found.spread[trimap != 128].any()
    assert (found.spread[trimap == 128] == without.spread[trimap == 128]).all()
    assert without.spread[trimap == 128].any()


def test_blocks_that_are_done_ask_for_no_view():
    plan = make_plan((60, 400), guide_px=30, tile_px=32, overlap_px=8)
    base = plan.levels[-1]
    assert base.count > 2
    scene = replace(scene_of(plan, RedIsAlpha()), views=VIEWS)
    tasks = base_graph(scene, base, frozenset([(0, 0)]))
    assert {key[1:3] for key in tasks if key[0] == "view"} == {(0, 0), (0, 1)}
    assert sum(key[0] == "view" for key in tasks) == 2 * len(VIEWS)
    assert not [key for key in base_graph(scene, base, frozenset()) if key[0] != "row"]


def test_without_an_answer_there_is_no_base():
    class Silent(RedIsAlpha):
        def alpha(self, _rgb):
            raise NoAnswerError("no room")

    scene = scene_of(make_plan((60, 60), guide_px=30, tile_px=32, overlap_px=8), Silent())
    with pytest.raises(ModelError, match="no room"):
        solve(scene, on_threads(1))
