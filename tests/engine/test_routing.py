"""Which tiles may run is known when the base is; which do, when the level below is."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings

from tests import oracle
from tests.engine.scenes import portrait
from tests.engine.test_closer import scene_with
from tests.fakes import ColourKey
from tests.strategies import plans
from tiler.core.geometry import Box, Span
from tiler.core.guide import uncertain_tiles
from tiler.core.plan import make_plan
from tiler.engine import solve as solving
from tiler.engine.graph import on_threads
from tiler.engine.routing import route, running
from tiler.engine.scene import read_below
from tiler.image.hints import Hints

AUTO = {"dense": False, "detail": True, "from_base": True}


@settings(max_examples=15)
@given(plans())
def test_the_tiles_that_run_are_the_uncertain_ones(plan):
    scene = portrait(plan, ColourKey())
    oracle.solve(scene)
    for level in plan.levels[:-1]:
        found = running(scene, level, route(scene, level, **AUTO))
        assert found == uncertain_tiles(read_below(scene, level), level, plan.levels[level.index + 1])


def test_the_base_leaves_out_most_of_an_empty_ground():
    plan = make_plan((1200, 1200), guide_px=96, tile_px=48, overlap_px=12)
    scene = portrait(plan, ColourKey())
    solving.solve(scene, on_threads(2))
    asked = route(scene, plan.levels[0], **AUTO).asked
    ran = uncertain_tiles(read_below(scene, plan.levels[0]), plan.levels[0], plan.levels[1])
    assert ran <= asked
    assert len(ran) <= len(asked) <= plan.levels[0].count // 2


def test_what_base_and_looks_leave_out_changes_no_bit(tmp_path, monkeypatch):
    """Two small people whom closer looks find: the base alone would leave their tiles out."""
    results = []
    for name, from_base in (("asked", True), ("all", False)):
        monkeypatch.setattr(solving, "route", lambda *a, **k: route(*a, **{**k, "from_base": from_base}))  # noqa: B023
        scene, _ = scene_with(tmp_path / name, 40, 44, 30)
        solving.solve(scene, on_threads(2))
        assert scene.looks.chosen()
        results.append([level.copy() for level in scene.canvas.levels])
    assert all((ours == theirs).all() for ours, theirs in zip(*results, strict=True))


def test_dense_tiles_run_in_any_case_and_without_detail_none_does():
    plan = make_plan((300, 420), guide_px=48, tile_px=48, overlap_px=12)
    scene = portrait(plan, ColourKey())
    level = plan.levels[0]
    assert route(scene, level, **AUTO | {"dense": True}).certain == set(level.tiles)
    assert route(replace(scene, may_add=True), level, **AUTO | {"detail": False}).certain == set(level.tiles)
    assert not route(scene, level, **AUTO | {"dense": True, "detail": False}).tiles


def test_in_regions_alone():
    plan = make_plan((300, 420), guide_px=48, tile_px=48, overlap_px=12)
    scene = replace(portrait(plan, ColourKey()), regions=(Box(Span(0, 30), Span(0, 30)),))
    assert route(scene, plan.levels[0], **AUTO | {"dense": True}).certain == {(0, 0)}


def test_a_trimap_may_open_what_the_base_says_is_empty():
    plan = make_plan((300, 420), guide_px=48, tile_px=48, overlap_px=12)
    trimap = np.zeros(plan.shapes[0], np.uint8)
    scene = replace(portrait(plan, ColourKey()), hints=Hints(None, trimap))
    assert route(scene, plan.levels[0], **AUTO).asked == set(plan.levels[0].tiles)
