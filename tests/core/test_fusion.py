import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tests.core.guides import (
    LIES,
    ROUNDING,
    colours,
    disc,
    guide_pxs,
    lie_of,
    off_the_guide,
    painted,
    seeds,
    sides,
    soft_guide,
)
from tiler.core import regression
from tiler.core.constraint import TOLERANCE, constrain
from tiler.core.fusion import TILE_NOISE, fuse, looked_at
from tiler.core.geometry import Axis
from tiler.core.guide import SATURATED


@given(sides, sides, guide_pxs, st.sampled_from(LIES), seeds)
def test_whatever_the_tile_shows_the_guides_mean_is_kept(height, width, guide_scale, lie, seed):
    guide = soft_guide((height, width), seed)
    fused = fuse(lie_of(lie, guide, seed), guide, colours(guide.shape, seed), guide_scale)
    assert fused.dtype == np.float32
    assert fused.shape == guide.shape
    assert fused.min() >= 0
    assert fused.max() <= 1
    assert off_the_guide(fused, guide, guide_scale) <= TOLERANCE + ROUNDING


@given(sides, sides, guide_pxs, st.sampled_from([None, *LIES]), seeds)
def test_a_tile_is_its_guide_but_for_the_part_that_is_looked_at_which_may_be_fused_by_itself(
    height, width, guide_scale, lie, seed
):
    # Something to see on a plain ground, so that the part is not the whole.
    guide = np.pad(soft_guide((height, width), seed), ((0, 70), (90, 0)))
    tile = None if lie is None else lie_of(lie, guide, seed)
    rgb, spread = colours(guide.shape, seed), soft_guide(guide.shape, seed + 1)
    expected = guide.copy()
    part = looked_at(guide, guide_scale)
    if part is not None:
        at = part.slices
        expected[at] = fuse(None if tile is None else tile[at], guide[at], rgb[at], guide_scale, spread[at])
    np.testing.assert_array_equal(fuse(tile, guide, rgb, guide_scale, spread), expected)


@given(sides, sides, guide_pxs, st.sampled_from(LIES), seeds)
def test_where_the_guide_is_saturated_it_stays_exactly(height, width, guide_scale, lie, seed):
    guide = soft_guide((height, width), seed)
    fused = fuse(lie_of(lie, guide, seed), guide, colours(guide.shape, seed), guide_scale)
    sure = (guide <= SATURATED) | (guide >= 1 - SATURATED)
    assert (fused[sure] == guide[sure]).all()


@given(st.integers(120, 220), guide_pxs, st.sampled_from(LIES), st.sampled_from(LIES), st.integers(32, 64), seeds)
def test_the_constraint_survives_the_feather_between_two_tiles_that_lie(
    side, guide_scale, left_lie, right_lie, feather_px, seed
):
    """Cross-faded over 32 pixels or more, two fused tiles keep the guide's mean within twice the tolerance."""
    guide = soft_guide((side, side), seed)
    left, right = (
        fuse(lie_of(lie, guide, seed + k), guide, colours(guide.shape, seed), guide_scale)
        for k, lie in enumerate((left_lie, right_lie))
    )
    axis = Axis(side, -(-side // 2), side, feather_px)
    fall = np.zeros(side, np.float32)
    fall[axis.support(0).slice] = axis.ramp(0)
    assert off_the_guide(fall * left + (1 - fall) * right, guide, guide_scale) <= 2 * TOLERANCE + ROUNDING


@given(sides, sides, guide_pxs, st.sampled_from([0.0, SATURATED, 1 - SATURATED, 1.0]), seeds)
def test_a_tile_of_which_nothing_is_uncertain_is_the_guide(height, width, guide_scale, value, seed):
    guide = np.full((height, width), value, np.float32)
    assert fuse(1 - guide, guide, colours(guide.shape, seed), guide_scale) is guide


@given(sides, sides, guide_pxs, seeds)
def test_the_inputs_are_left_as_they_were(height, width, guide_scale, seed):
    guide = soft_guide((height, width), seed)
    given_arrays = (lie_of("noise", guide, seed), guide, colours(guide.shape, seed))
    before = [array.copy() for array in given_arrays]
    fuse(*given_arrays, guide_scale)
    assert all((array == old).all() for array, old in zip(given_arrays, before, strict=True))


@pytest.mark.parametrize("guide_scale", [2.0, 2.4, 4.0])
def test_strands_that_the_guide_has_blurred_come_back_dark_and_bright(guide_scale):
    """Colours that are finer than the guide must not flatten the slopes by which they explain it."""
    y, x = np.mgrid[:192, :192]
    strands = np.sin((x + 6 * np.sin(y / 30)) * 2 * np.pi / 3) > 0.3
    truth = np.where(x < 60, 0, np.where(x > 130, 1, strands)).astype(np.float32)
    guide = np.clip(ndimage.gaussian_filter(truth, 0.5 * guide_scale), 0, 1)
    fused = fuse(np.zeros_like(guide), guide, painted(truth), guide_scale)
    grey = (guide > 0.1) & (guide < 0.9)
    slope, _ = np.polyfit(truth[grey], fused[grey], 1)
    assert 0.55 < slope < 1.1


@given(sides, sides, guide_pxs, st.sampled_from(LIES), seeds)
def test_the_constraint_holds_with_a_spread_and_without_a_tile(height, width, guide_scale, lie, seed):
    guide = soft_guide((height, width), seed)
    spread = np.random.default_rng(seed).random(guide.shape, np.float32) * np.float32(0.05 * (seed % 3))
    fused = fuse(
        None, guide, 255 * lie_of(lie, guide, seed)[..., None].repeat(3, 2).astype(np.float32), guide_scale, spread
    )
    assert fused.dtype == np.float32
    assert 0 <= fused.min() <= fused.max() <= 1
    assert off_the_guide(fused, guide, guide_scale) <= TOLERANCE + ROUNDING
    sure = (guide <= SATURATED) | (guide >= 1 - SATURATED)
    assert (fused[sure] == guide[sure]).all()


@pytest.mark.parametrize("lie", [None, *LIES])
def test_an_edge_that_the_colours_show_comes_back_sharp_even_if_the_tile_lies(lie):
    truth = disc()
    guide = np.clip(ndimage.gaussian_filter(truth, 3), 0, 1)
    tile = truth if lie is None else lie_of(lie, guide, 0)
    fused = fuse(tile, guide, painted(truth), 2.0)
    error, before = np.square(fused - truth).mean(), np.square(guide - truth).mean()
    assert error < 0.6 * before


def test_an_edge_that_only_the_tile_shows_comes_back_sharper():
    truth = disc()
    guide = np.clip(ndimage.gaussian_filter(truth, 3), 0, 1)
    fused = fuse(truth, guide, np.full((*truth.shape, 3), 128, np.float32), 2.0)
    assert np.square(fused - truth).mean() < 0.6 * np.square(guide - truth).mean()


def test_a_picture_without_an_edge_leaves_the_guide_alone():
    guide = np.clip(ndimage.gaussian_filter(disc(), 3), 0, 1)
    fused = fuse(np.full_like(guide, 0.5), guide, np.full((*guide.shape, 3), 128, np.float32), 2.0)
    assert np.square(fused - guide).mean() < 1e-4


def test_what_the_guide_has_blurred_teaches_less_than_what_it_is_sure_of(monkeypatch):
    """Fine strands that a coarse guide has run together come back nearer to black and white."""
    y, x = np.indices((160, 160))
    truth = np.where(np.hypot(y - 80, x - 80) < 40, (x // 4 % 2), x < 80).astype(np.float32)
    guide = np.clip(ndimage.gaussian_filter(truth, 6), 0, 1)
    errors = []
    for share in (regression.GREY_SHARE, 1.0):
        monkeypatch.setattr(regression, "GREY_SHARE", share)
        errors.append(np.abs(fuse(truth, guide, painted(truth), 2.0) - truth).mean())
    assert errors[0] < 0.95 * errors[1]


def hair(side=192, seed=0):
    """Strands three pixels apart on a ground with shading that both have in common."""
    y, x = np.mgrid[:side, :side]
    strands = np.clip(1.5 * np.sin((x + 6 * np.sin(y / 30)) * 2 * np.pi / 5) + 0.5, 0, 1)
    truth = np.where(x < 60, 0, np.where(x > 130, 1, strands)).astype(np.float32)
    shading = np.random.default_rng(seed).normal(0, 1, (side, side, 1))
    shading = ndimage.gaussian_filter(shading, (6, 6, 0)) * 200
    return truth, np.clip(painted(truth, seed) + shading, 0, 255).astype(np.float32)


def test_strands_of_another_colour_are_told_apart_by_it():
    truth, rgb = hair()
    guide = np.clip(ndimage.gaussian_filter(truth, 2.0), 0, 1)
    fused = fuse(None, guide, rgb, 4.0)
    assert np.abs(fused - truth).mean() < 0.5 * np.abs(guide - truth).mean()


def test_a_sure_guide_is_hardly_moved_and_an_unsure_one_is():
    """The colours are those of another picture, so every move is wrong."""
    truth, rgb = hair()
    guide = np.clip(ndimage.gaussian_filter(truth, 2.0), 0, 1)
    wrong = np.ascontiguousarray(rgb[::-1, ::-1])
    sure, unsure = (
        np.abs(fuse(None, guide, wrong, 4.0, np.full_like(guide, spread)) - guide).mean() for spread in (0.0, 0.1)
    )
    assert sure < 0.5 * unsure


@given(sides, sides, guide_pxs, seeds)
def test_a_wide_spread_is_no_knowledge(height, width, guide_scale, seed):
    guide = soft_guide((height, width), seed)
    rgb = colours(guide.shape, seed)
    wide = fuse(None, guide, rgb, guide_scale, np.ones_like(guide))
    np.testing.assert_allclose(wide, fuse(None, guide, rgb, guide_scale), atol=ROUNDING)


noises = st.one_of(st.sampled_from([0.0, TILE_NOISE]), st.floats(0, 0.3))


@given(sides, sides, guide_pxs, st.sampled_from(LIES), noises, seeds)
def test_the_constraint_holds_however_much_a_tile_is_believed(height, width, guide_scale, lie, noise, seed):
    guide = soft_guide((height, width), seed)
    spread = None if seed % 2 else np.zeros_like(guide)
    fused = fuse(lie_of(lie, guide, seed), guide, colours(guide.shape, seed), guide_scale, spread, noise)
    assert fused.dtype == np.float32
    assert 0 <= fused.min() <= fused.max() <= 1
    assert off_the_guide(fused, guide, guide_scale) <= TOLERANCE + ROUNDING
    sure = (guide <= SATURATED) | (guide >= 1 - SATURATED)
    assert (fused[sure] == guide[sure]).all()


@given(sides, sides, guide_pxs, st.sampled_from(LIES), seeds)
def test_a_tile_without_noise_is_the_alpha_as_far_as_the_constraint_allows(height, width, guide_scale, lie, seed):
    """Whatever the colours show, and however sure the guide is."""
    guide = soft_guide((height, width), seed)
    tile = lie_of(lie, guide, seed)
    fused = fuse(tile, guide, colours(guide.shape, seed), guide_scale, np.zeros_like(guide), 0.0)
    seen = looked_at(guide, guide_scale)
    expected = guide.copy()
    if seen is not None:
        box = seen.slices
        expected[box] = constrain(tile[box], guide[box], guide_scale)
    np.testing.assert_array_equal(fused, expected)


def test_the_less_noise_a_right_tile_has_the_nearer_the_alpha_comes_to_it():
    truth, rgb = hair()
    guide = np.clip(ndimage.gaussian_filter(truth, 2.0), 0, 1)
    wrong = np.ascontiguousarray(rgb[::-1, ::-1])
    errors = [
        np.abs(fuse(truth, guide, wrong, 4.0, np.zeros_like(guide), noise) - truth).mean()
        for noise in (0.0, 0.03, 0.06, TILE_NOISE)
    ]
    assert errors == sorted(errors)
    assert errors[0] < 0.5 * errors[-1]


@given(guide_pxs, st.floats(TILE_NOISE, 10), seeds)
def test_at_modnets_noise_and_above_a_tile_counts_as_modnets(guide_scale, noise, seed):
    guide, rgb = soft_guide((60, 60), seed), colours((60, 60), seed)
    tile = lie_of("noise", guide, seed)
    expected = fuse(tile, guide, rgb, guide_scale)
    np.testing.assert_array_equal(fuse(tile, guide, rgb, guide_scale, None, noise), expected)
    assert (fuse(None, guide, rgb, guide_scale) != expected).any() or (expected == guide).all()
