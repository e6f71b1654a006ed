"""One network for the guide and another for the tiles, which may be told what is known."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from tests.core.guides import LIES, ROUNDING, lie_of, off_the_guide
from tests.engine.scenes import in_any_order, portrait
from tests.fakes import ArrayPicture, ColourKey, RecordedProgress, RedIsAlpha
from tests.model.onnx_graphs import known_alpha, known_detail, saved, stand_in
from tests.model.test_onnx_runtime import a_card
from tiler.core.constraint import TOLERANCE, constrain
from tiler.core.fusion import looked_at
from tiler.core.geometry import Box
from tiler.core.guide import SATURATED, enlarge
from tiler.core.plan import make_plan
from tiler.core.trimap import trimap_of
from tiler.engine.answer import answer
from tiler.engine.graph import on_threads
from tiler.engine.scene import guide_of, spread_of
from tiler.engine.solve import solve
from tiler.image.hints import Hints
from tiler.model.contract import Trimap
from tiler.model.onnx_runtime import OnnxSession
from tiler.model.views import AS_IT_IS, View

PLAN = make_plan((160, 240), guide_px=40, tile_px=64, overlap_px=16)
BASE, FULL = PLAN.levels[-1], PLAN.levels[0]


class GuideOnly(RedIsAlpha):
    """Knows the whole picture, and fails if it is ever shown a tile."""

    def __init__(self, *shapes):
        self.shapes = shapes or (BASE.shape,)

    def alpha(self, rgb):
        assert rgb.shape[:2] in self.shapes, "a guide was shown a tile"
        return super().alpha(rgb)


class Told:
    """Says what it is told, and where that is not known what `unknown` makes of the tile; keeps what it was given."""

    card = None

    def __init__(self, unknown):
        self.unknown, self.given = unknown, []

    def alpha(self, rgb, hint):
        self.given.append((rgb, hint))
        return np.where(hint == 0.5, self.unknown(rgb), hint).astype(np.float32)


def with_tiles(network, guide=None, **changes):
    scene = portrait(PLAN, guide or GuideOnly())
    return replace(scene, **{"tile_network": network, "tells_tiles": True, "tile_noise": 0.0, **changes})


def test_the_guide_network_sees_the_base_alone_and_the_other_every_tile():
    told = Told(ColourKey().alpha)
    scene = with_tiles(told)
    reports = solve(scene, on_threads(2))
    assert len(told.given) == sum(report.tiles_run for report in reports[1:]) > 4


def test_without_a_network_for_tiles_the_guides_sees_them():
    with pytest.raises(AssertionError, match="shown a tile"):
        solve(replace(with_tiles(None), tells_tiles=False), on_threads(1))


def test_a_tile_is_told_what_its_guide_and_the_views_say():
    """By the plain formula, for every tile of every level, of a base whose views part."""
    views = (AS_IT_IS, View(0.5, mirrored=True), View(0.5, mirrored=False))
    told = Told(RedIsAlpha().alpha)
    guide = GuideOnly(BASE.shape, (20, 30))
    scene = with_tiles(told, guide, views=views)
    solve(scene, in_any_order(1), dense=True)
    told.given.clear()
    for level in PLAN.levels[:-1]:
        for tile in level.tiles:
            box = level.read(*tile)
            answer(scene, level, box)
            (_, hint) = told.given.pop()
            expected = trimap_of(guide_of(scene, level, box), spread_of(scene, level, box), max(level.guide_scale))
            np.testing.assert_array_equal(hint, expected)
            assert hint.dtype == np.float32
    assert scene.canvas.spreads.max() > 0.02


def test_the_users_trimap_goes_before_the_guides():
    known = np.full(PLAN.shapes[0], 128, np.uint8)
    known[:, :120], known[:40] = 255, 0
    told = Told(RedIsAlpha().alpha)
    scene = with_tiles(told, hints=Hints(trimap=known))
    solve(scene, on_threads(1), dense=True)
    told.given.clear()
    (box,) = {FULL.read(0, 0)}
    answer(scene, FULL, box)
    hint, here = told.given[0][1], known[box.slices]
    assert (hint[here == 255] == 1).all()
    assert (hint[here == 0] == 0).all()


def matted(network, **changes):
    scene = with_tiles(network, **changes)
    solve(scene, on_threads(2), dense=True)
    return scene


def truth_of(scene, box):
    return RedIsAlpha().alpha(scene.picture.read(0, box).astype(np.float32))


def test_the_truth_where_nothing_is_known_is_the_alpha_as_far_as_the_constraint_allows():
    scene = matted(Told(RedIsAlpha().alpha))
    for tile in FULL.tiles:
        box = FULL.read(*tile)
        guide, expected = guide_of(scene, FULL, box), None
        seen = looked_at(guide, 2.0)
        expected = guide.copy()
        if seen is not None:
            part = seen.slices
            expected[part] = constrain(truth_of(scene, box)[part], guide[part], 2.0)
        np.testing.assert_array_equal(answer(scene, FULL, box), expected)


def test_the_truth_brings_the_alpha_nearer_than_colours_do():
    whole = Box.whole(FULL.shape)
    truth = truth_of(portrait(PLAN, RedIsAlpha()), whole)

    def error(scene):
        return np.abs(scene.canvas.alpha(0, whole) - truth).mean()

    by_colours = matted(Told(RedIsAlpha().alpha), network_levels=0)
    assert error(matted(Told(RedIsAlpha().alpha))) < 0.7 * error(by_colours)


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("lie", LIES)
def test_one_that_lies_does_not_overrule_the_guide(lie, noise):
    scene = matted(Told(lambda rgb: lie_of(lie, rgb[..., 0] / np.float32(255), 3)), tile_noise=noise)
    below, whole = PLAN.levels[1], Box.whole(FULL.shape)
    guide = enlarge(lambda box: scene.canvas.alpha(1, box), whole, FULL, below)
    found = scene.canvas.alpha(0, whole)
    assert off_the_guide(found, guide, 2.0) <= 2 * TOLERANCE + ROUNDING + 1e-4
    sure = (guide <= SATURATED) | (guide >= 1 - SATURATED)
    np.testing.assert_allclose(found[sure], guide[sure], atol=1e-4)


@pytest.mark.parametrize(
    ("own", "values", "channels"),
    [(None, (0, 0.5, 1), "rgb"), ("trimap", (0, 128, 255), "rgb"), (None, (-1, 0, 1), "bgr")],
)
def test_a_network_with_four_channels_through_the_engine(tmp_path, own, values, channels):
    """Its answer is known by formula, from picture and guide alone; a wrong number or order is another alpha."""
    norm = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    model = stand_in(trimap=values, own_tensor=own, channels=channels, **norm)
    said = {"trimap": Trimap(values=values, tensor=own), "channels": channels, **norm}
    said |= {"fit": "multiple", "multiple_px": 32}

    def solved(network):
        scene = with_tiles(network, Whole())
        scene = replace(scene, picture=ArrayPicture(soft_picture(), PLAN))
        solve(scene, on_threads(2))
        return scene.canvas.levels[0]

    def opened(given):
        card = a_card(tmp_path, given, name="told", role="detail", views_px=())
        return closing(OnnxSession(card, saved(tmp_path / "net.onnx", model), progress=RecordedProgress()))

    class Formula:
        card = None

        def alpha(self, rgb, hint):
            return known_detail(rgb, hint)

    expected = solved(Formula())
    with opened(said) as session:
        found = solved(session)
    assert np.abs(found.astype(int) - expected).max() <= 8
    b, u, f = values
    for wrong in (
        {"trimap": Trimap(values=(b, f, u), tensor=own)},
        {"channels": "bgr" if channels == "rgb" else "rgb"},
    ):
        with opened(said | wrong) as session:
            assert np.abs(solved(session).astype(int) - expected).max() > 500


class Whole:
    """The known alpha of the whole picture, stretched to 0..1, so that little of it is unknown."""

    card = None

    def alpha(self, rgb):
        assert rgb.shape[:2] == BASE.shape
        return np.clip((known_alpha(rgb) - 0.3) * 4, 0, 1).astype(np.float32)


def soft_picture():
    y, x = np.mgrid[: PLAN.shapes[0][0], : PLAN.shapes[0][1]]
    red = 127 + 120 * np.sin(x / 19) * np.cos(y / 23)
    return np.stack([red, 128 + 0 * red, 100 + 60 * np.sin((x + y) / 31)], -1).astype(np.uint8)
