"""A closer look: small subjects get one, whatever the schedule; large ones, and a run that goes on, get none."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.engine.scenes import in_any_order, one_by_one, scene_of
from tests.fakes import ArrayPicture, RedIsAlpha
from tiler.core.geometry import Box
from tiler.core.plan import make_plan
from tiler.engine.closer import look_closer
from tiler.engine.graph import on_threads
from tiler.engine.scene import guide_of
from tiler.engine.solve import solve
from tiler.errors import ModelError
from tiler.image.hints import Hints
from tiler.model.retry import NoAnswerError
from tiler.model.views import View
from tiler.store.looks import Looks

GUIDE_PX = 64
VIEWS = tuple(View(scale, mirrored) for scale in (1.0, 0.75, 1.25) for mirrored in (False, True))


@dataclass
class SeesLarge:
    """Right about red things that are `least_px` high or more, and blind to smaller ones; it counts what it is asked.

    foliage: it also takes half of what it is shown, in stripes, for foreground.
    """

    least_px: int = 10
    foliage: bool = False
    asked: int = 0
    card = None

    def alpha(self, rgb):
        self.asked += 1
        if self.foliage:
            return np.tile(np.arange(rgb.shape[1]) % 4 < 2, (rgb.shape[0], 1)).astype(np.float32)
        alpha = RedIsAlpha().alpha(rgb)
        rows = np.flatnonzero((alpha > 0.5).any(axis=1))
        return alpha if rows.size and np.ptp(rows) + 1 >= self.least_px else np.zeros_like(alpha)


class Dumb:
    card = None

    def alpha(self, _rgb):
        raise NoAnswerError("no memory")


def scene_with(root, *people_px, height=512, width=1024, network=None, wraps=False):
    """A black frame with red people of the given heights, side by side."""
    plan = make_plan((height, width), guide_px=GUIDE_PX, tile_px=128, overlap_px=32, wraps=wraps)
    pixels = np.zeros((height, width, 3), np.uint8)
    for k, tall in enumerate(people_px):
        top, left = height // 2 - tall // 2, (2 * k + 1) * width // (2 * len(people_px)) - tall // 4
        pixels[top : top + tall, left : left + max(1, tall // 2), 0] = 255
    if wraps:
        pixels = np.roll(pixels, width // 2, axis=1)
    scene = replace(scene_of(plan, network or SeesLarge()), picture=ArrayPicture(pixels, plan), views=VIEWS)
    return replace(scene, looks=Looks(root)), pixels[..., 0] / np.float32(255)


def solved(scene, run=None):
    solve(scene, run or on_threads(2))
    return scene.canvas.alpha(0, Box.whole(scene.plan.shapes[0]))


@pytest.mark.parametrize(("tall_px", "wraps"), [(40, False), (40, True), (72, False)])
def test_people_too_small_for_the_base_are_found_in_a_wide_frame(tmp_path, tall_px, wraps):
    scene, truth = scene_with(tmp_path, tall_px, network=SeesLarge(least_px=13), wraps=wraps)
    assert solved(replace(scene, looks=None)).max() == 0
    found = solved(scene)
    assert len(scene.looks.chosen()) == 1
    assert np.abs(found - truth).mean() < 0.15 * truth.mean()


def test_people_found_in_the_base_are_asked_by_themselves(tmp_path):
    scene, truth = scene_with(tmp_path, 96, 112, height=512, width=800)  # not wide: nobody searches
    found = solved(scene)
    assert len(scene.looks.chosen()) == 2
    assert np.abs(found - truth).mean() < np.abs(solved(replace(scene, looks=None)) - truth).mean()


def test_a_portrait_costs_nothing_and_stays_as_it_is(tmp_path):
    scene, _ = scene_with(tmp_path, 400, height=256, width=256)
    before = solved(replace(scene, looks=None, network=SeesLarge()))
    plain, closer = SeesLarge(), SeesLarge()
    solved(replace(scene, looks=None, network=plain))
    assert (solved(replace(scene, network=closer)) == before).all()
    assert closer.asked == plain.asked
    assert scene.looks.chosen() == ()


def test_the_search_takes_foliage_for_nobody(tmp_path):
    scene, _ = scene_with(tmp_path, network=SeesLarge(foliage=True))
    solve(scene, on_threads(2), detail=False)
    assert all(scene.looks.window(k) == [] for k in range(9))


@dataclass
class MissesOnce(SeesLarge):
    """Blind in one view of six to a person that fills much of the view."""

    def alpha(self, rgb):
        alpha = super().alpha(rgb)
        closely = np.flatnonzero((alpha > 0.5).any(axis=1)).size > 0.35 * len(alpha)
        return np.zeros_like(alpha) if closely and self.asked % 6 == 0 else alpha


def test_one_view_that_fails_does_not_lose_a_person_whom_the_search_has_found(tmp_path):
    scene, truth = scene_with(tmp_path, 40, network=MissesOnce(least_px=13))
    found = solved(scene, one_by_one(min))
    assert len(scene.looks.chosen()) == 1
    assert np.abs(found - truth).mean() < 0.15 * truth.mean()


@dataclass
class Unsure(SeesLarge):
    """Sees half of a person in the mirror image, where the person fills much of the view."""

    def alpha(self, rgb):
        alpha = super().alpha(rgb)
        rows = np.flatnonzero((alpha > 0.5).any(axis=1))
        if rows.size > 0.35 * len(alpha) and self.asked % 2:
            alpha[: rows.mean().astype(int)] = 0
        return alpha


def test_a_subject_on_which_the_views_part_is_left_as_it_is(tmp_path):
    scene, _ = scene_with(tmp_path, 40, network=Unsure())
    found = solved(scene, one_by_one(min))
    assert scene.looks.has_answer(0)
    assert scene.looks.chosen() == ()
    assert found.max() == 0


@pytest.mark.parametrize("seed", range(3))
def test_every_schedule_gives_the_same_bytes(tmp_path, seed):
    one, _ = scene_with(tmp_path / "one", 40, 88, 60)
    other, _ = scene_with(tmp_path / "other", 40, 88, 60)
    assert (solved(one) == solved(other, in_any_order(seed))).all()
    assert one.looks.chosen() == other.looks.chosen() != ()


def test_a_run_that_goes_on_asks_for_nothing_again(tmp_path):
    scene, _ = scene_with(tmp_path, 40)
    found = solved(scene)
    network = SeesLarge()
    again = replace(scene_with(tmp_path, 40, network=network)[0], canvas=scene.canvas)
    look_closer(again, on_threads(2))
    assert network.asked == 0
    (tmp_path / "chosen.looks").unlink()
    (tmp_path / "0.window").unlink()
    again = scene_with(tmp_path, 40, network=network)[0]
    assert (solved(again) == found).all()
    assert again.looks.chosen() == scene.looks.chosen()


def test_the_guide_of_a_pixel_does_not_depend_on_the_box(tmp_path):
    scene, _ = scene_with(tmp_path, 40, 44, 30)
    solved(scene)
    (number,) = {look.level for look in scene.looks.chosen()} & {0}
    level = scene.plan.levels[number]
    whole = guide_of(scene, level, Box.whole(level.shape))
    for tile in level.tiles:
        box = level.read(*tile)
        assert (guide_of(scene, level, box) == whole[box.slices]).all()


def test_a_guide_of_the_users_is_not_looked_at(tmp_path):
    scene, _ = scene_with(tmp_path, 40)
    look_closer(replace(scene, hints=Hints(np.zeros(scene.plan.shapes[-1], np.float32), None)), on_threads(1))
    assert scene.looks.chosen() is None


def test_a_window_without_an_answer_ends_the_run(tmp_path):
    scene, _ = scene_with(tmp_path, 40, network=Dumb())
    scene.progress.stage("", 1)
    with pytest.raises(ModelError, match="closer look"):
        look_closer(scene, on_threads(1))
