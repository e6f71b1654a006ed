from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.scenes import portrait, scene_of
from tests.fakes import RedIsAlpha
from tests.strategies import plans
from tiler.core.fusion import fuse
from tiler.core.geometry import Box, Span
from tiler.core.plan import make_plan
from tiler.engine.answer import answer, network_sees, view_answer, views_at
from tiler.engine.graph import on_threads
from tiler.engine.scene import guide_of, spread_of
from tiler.engine.solve import solve
from tiler.image.colour import to_network
from tiler.model.views import AS_IT_IS, View


class Counting(RedIsAlpha):
    def __init__(self):
        self.shapes = []

    def alpha(self, rgb):
        self.shapes.append(rgb.shape[:2])
        return super().alpha(rgb)


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0, 1.25, 1.6])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_view_at_any_scale_shows_the_same_place(scale, mirrored):
    """A ramp is what it is at every size."""
    plan = make_plan((300, 480), guide_px=100, tile_px=64, overlap_px=16)
    base = plan.levels[-1]
    scene = scene_of(plan, RedIsAlpha())
    for shape, pixels in zip(plan.shapes, scene.picture.levels, strict=True):
        ramp = (np.arange(shape[1]) + 0.5) / shape[1]
        pixels[:] = np.rint(255 * ramp)[None, :, None]
    box = Box(Span(10, 90), Span(30, 130))
    found = view_answer(scene, base, box, View(scale, mirrored))
    expected = ((np.arange(30, 130) + 0.5) / base.shape[1])[None].repeat(80, axis=0)
    assert found.shape == box.shape
    assert np.abs(found - expected)[:, 4:-4].max() < 0.005


@given(plans(), st.sampled_from([0.5, 1.0, 1.3]))
def test_a_view_has_the_size_of_its_box_wherever_that_lies(plan, scale):
    base = plan.levels[-1]
    scene = replace(scene_of(plan, RedIsAlpha()), views=(View(scale, mirrored=True), AS_IT_IS))
    for tile in base.tiles:
        for view in views_at(scene, base):
            assert view_answer(scene, base, base.read(*tile), view).shape == base.read(*tile).shape


def test_a_picture_that_is_its_own_base_is_not_enlarged_for_a_view():
    plan = make_plan((40, 40), guide_px=64, tile_px=64, overlap_px=16)
    scene = replace(scene_of(plan, RedIsAlpha()), views=(View(0.5, mirrored=False), View(1.25, mirrored=False)))
    assert views_at(scene, plan.levels[0]) == (View(0.5, mirrored=False),)


@pytest.mark.parametrize(("network_levels", "seen"), [(None, [0, 1, 2]), (0, []), (1, [2]), (2, [1, 2])])
def test_the_network_sees_the_levels_next_to_the_base(network_levels, seen):
    plan = make_plan((400, 400), guide_px=50, tile_px=64, overlap_px=16)
    scene = replace(portrait(plan, Counting()), network_levels=network_levels)
    levels = plan.levels[:-1]
    assert [level.index for level in levels if network_sees(scene, level)] == seen
    assert all(network_sees(replace(scene, may_add=True), level) for level in levels)
    for level in levels:
        answer(scene, level, level.read(0, 0))
    assert len(scene.network.shapes) == len(seen)


def test_where_the_network_sees_no_tile_only_what_the_fusion_looks_at_is_read():
    plan = make_plan((512, 512), guide_px=64, tile_px=128, overlap_px=32)
    scene = replace(portrait(plan, RedIsAlpha()), fuse=fuse)
    solve(scene, on_threads(1))
    level, boxes = plan.levels[0], []
    read = scene.picture.read
    scene.picture.read = lambda index, box: boxes.append(box) or read(index, box)
    whole, by_colours = (
        {tile: answer(replace(scene, network_levels=levels), level, level.read(*tile)) for tile in level.tiles}
        for levels in (None, 0)
    )
    seen, some = boxes[: level.count], boxes[level.count :]
    assert [box.shape for box in seen] == [(128, 128)] * level.count
    assert 0 < sum(np.prod(box.shape) for box in some) < 0.8 * level.count * 128**2
    for tile, alpha in by_colours.items():
        box = level.read(*tile)
        rgb = to_network(read(0, box))
        guide = guide_of(scene, level, box)
        np.testing.assert_array_equal(alpha, fuse(None, guide, rgb, 2.0, spread_of(scene, level, box)))
    assert whole.keys() == by_colours.keys()
