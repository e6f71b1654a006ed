from dataclasses import replace

import numpy as np
import pytest

from tests.engine.test_solve import portrait
from tests.fakes import ColourKey, EmptyJournal, RecordedProgress, take_tile
from tiler.core.geometry import Box
from tiler.core.plan import make_plan
from tiler.engine.graph import on_threads
from tiler.engine.scene import Scene
from tiler.engine.solve import solve
from tiler.inspect.collect import CROP_PX, PREVIEW_PX, collect
from tiler.model.retry import NoAnswerError
from tiler.store.canvas import Canvas


class Blotched(ColourKey):
    """Right but for tiles whose first pixel is green: these are 40 of 255 too bright."""

    def alpha(self, rgb):
        return np.clip(super().alpha(rgb) + (40 / 255 if rgb[0, 0, 1] > 128 else 0), 0, 1).astype(np.float32)


class Fails(ColourKey):
    def alpha(self, _rgb):
        raise NoAnswerError("no room")


def solved(tmp_path, network, shape=(300, 420), threads=2, wraps=False):
    plan = make_plan(shape, guide_px=48, tile_px=64, overlap_px=24, wraps=wraps)
    fake = portrait(plan, network, take_tile)
    scene = Scene(plan, fake.picture, network, take_tile, Canvas(tmp_path, plan), EmptyJournal(), RecordedProgress())
    solve(scene, on_threads(threads))
    return scene


def test_a_run_leaves_its_seams_on_the_canvas_whatever_the_threads(tmp_path):
    one = solved(tmp_path / "one", Blotched(), threads=1)
    two = solved(tmp_path / "two", Blotched(), threads=4)
    assert one.canvas.seams() == two.canvas.seams()
    assert one.canvas.seams() == Canvas(tmp_path / "one", one.plan).seams()
    assert {seam.level for seam in one.canvas.seams()} >= {0, 1}
    assert max(seam.worst for seam in one.canvas.seams()) == pytest.approx(40 / 255, rel=0.01)


def test_a_network_that_agrees_with_itself_everywhere_has_no_close_ups(tmp_path):
    scene = solved(tmp_path / "c", ColourKey())
    at_levels = [seam for seam in scene.canvas.seams() if seam.level == 0]
    assert at_levels
    snapshot = collect(scene, [seam for seam in at_levels if seam.worst < 1e-6])
    assert snapshot.crops == ()


@pytest.mark.parametrize("wraps", [False, True])
def test_close_ups_show_the_alpha_of_each_tile(tmp_path, wraps):
    scene = solved(tmp_path / "c", Blotched(), wraps=wraps)
    snapshot = collect(scene, scene.canvas.seams(), crops=4)
    assert len(snapshot.crops) == 4
    for crop in snapshot.crops:
        height, width = crop.blend.shape
        assert crop.picture.shape == (height, width, 3)
        assert max(height, width) <= CROP_PX
        assert crop.box.rows.start <= crop.seam.worst_row < crop.box.rows.stop
        size = scene.plan.levels[crop.seam.level].shape[1]
        assert (crop.seam.worst_col - crop.box.cols.start) % size < width
        apart = np.abs(crop.before.astype(int) - crop.after)
        assert 35 <= apart.max() <= 41
        low, high = np.minimum(crop.before, crop.after).astype(int), np.maximum(crop.before, crop.after).astype(int)
        row = crop.seam.worst_row - crop.box.rows.start
        col = (crop.seam.worst_col - crop.box.cols.start) % size
        assert low[row, col] - 1 <= crop.blend[row, col] <= high[row, col] + 1


def test_the_small_picture_and_matte_are_the_large_ones_shrunk(tmp_path):
    scene = solved(tmp_path / "c", ColourKey())
    snapshot = collect(scene, ())
    assert snapshot.shape == (300, 420)
    np.testing.assert_array_equal(snapshot.picture, scene.picture.levels[0])
    whole = scene.canvas.alpha(0, Box.whole((300, 420)))
    np.testing.assert_array_equal(snapshot.matte, np.rint(whole * 255))
    assert snapshot.seams == ()
    assert snapshot.places.shape == (0, 4)


def test_a_long_picture_is_shrunk_to_fit(tmp_path):
    scene = solved(tmp_path / "c", ColourKey(), shape=(64, 2 * PREVIEW_PX + 7))
    snapshot = collect(scene, ())
    assert snapshot.picture.shape[:2] == snapshot.matte.shape == (32, PREVIEW_PX)
    assert abs(snapshot.matte.mean() / 255 - scene.canvas.alpha(0, Box.whole(snapshot.shape)).mean()) < 0.01


def test_the_guide_stands_in_for_a_tile_without_an_answer(tmp_path):
    scene = solved(tmp_path / "c", Blotched())
    seams = scene.canvas.seams()
    failing = replace(scene, network=Fails())
    finest = [seam for seam in seams if seam.level == 0]
    crops = collect(failing, finest, crops=2).crops
    assert len(crops) == 2
    for crop in crops:
        np.testing.assert_array_equal(crop.before, crop.guide)


def test_a_base_tile_without_an_answer_is_shown_as_the_finished_alpha(tmp_path):
    """The base has no guide; a run that is done must not fail because a close-up of its base does."""
    scene = solved(tmp_path / "c", Blotched(), shape=(100, 800))
    base = scene.plan.levels[-1].index
    seams = [replace(seam, worst=0.1) for seam in scene.canvas.seams() if seam.level == base]
    (crop,) = collect(replace(scene, network=Fails()), seams, crops=1).crops
    np.testing.assert_array_equal(crop.before, crop.blend)
