import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tiler.core import fusion as room
from tiler.core.fusion import CONSTRAINT_RADIUS, FADE, TOLERANCE, fuse, local_mean
from tiler.core.geometry import Axis
from tiler.core.guide import SATURATED

LIES = ["zeros", "ones", "half", "noise", "inverse", "stripes", "checks", "shifted"]
ROUNDING = 1e-5

sides = st.integers(1, 150)
guide_pxs = st.floats(1.0, 2.4)
seeds = st.integers(0, 999)


def soft_guide(shape, seed):
    """A guide as a network leaves it: sure plateaus, soft edges, some fog."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.random(shape), rng.uniform(1, 12), mode="wrap")
    return np.clip((noise - noise.mean()) / (noise.std() or 1) * rng.uniform(0.3, 2) + 0.5, 0, 1).astype(np.float32)


def lie_of(kind, guide, seed):
    """A tile alpha that has nothing to do with the guide, or is its opposite, or was moved."""
    y, x = np.indices(guide.shape)
    return {
        "zeros": lambda: np.zeros_like(guide),
        "ones": lambda: np.ones_like(guide),
        "half": lambda: np.full_like(guide, 0.5),
        "noise": lambda: np.random.default_rng(seed).random(guide.shape, np.float32),
        "inverse": lambda: 1 - guide,
        "stripes": lambda: (x // 3 % 2).astype(np.float32),
        "checks": lambda: ((x // 11 + y // 11) % 2).astype(np.float32),
        "shifted": lambda: np.roll(guide, 9, axis=(0, 1)),
    }[kind]()


def colours(shape, seed):
    """Noise, or large patches of colour whose edges are not the guide's."""
    rng = np.random.default_rng(seed + 1)
    if seed % 2:
        return (rng.random((*shape, 3)) * 255).astype(np.float32)
    patches = rng.integers(0, 256, (shape[0] // 13 + 1, shape[1] // 13 + 1, 3))
    return np.kron(patches, np.ones((13, 13, 1)))[: shape[0], : shape[1]].astype(np.float32)


def off_the_guide(fused, guide, guide_scale):
    """The greatest |mean(fused) - mean(guide)| over the law's windows, by brute force from a table of sums."""
    radius = round(CONSTRAINT_RADIUS * guide_scale)
    sums = np.zeros(np.add(guide.shape, 1))
    sums[1:, 1:] = (fused.astype(float) - guide).cumsum(0).cumsum(1)
    (top, bottom), (left, right) = (
        (np.maximum(at - radius, 0), np.minimum(at + radius + 1, at.size)) for at in map(np.arange, guide.shape)
    )
    totals = np.diff(sums[np.ix_(np.r_[top, bottom], np.r_[left, right])].reshape(2, top.size, 2, left.size), axis=0)
    return np.abs(np.diff(totals, axis=2)[0, :, 0] / np.outer(bottom - top, right - left)).max()


@given(sides, sides, guide_pxs, st.sampled_from(LIES), seeds)
def test_law_2_whatever_the_tile_says_the_guides_mean_is_kept(height, width, guide_scale, lie, seed):
    guide = soft_guide((height, width), seed)
    fused = fuse(lie_of(lie, guide, seed), guide, colours(guide.shape, seed), guide_scale)
    assert fused.dtype == np.float32
    assert fused.shape == guide.shape
    assert fused.min() >= 0
    assert fused.max() <= 1
    assert off_the_guide(fused, guide, guide_scale) <= TOLERANCE + ROUNDING


@given(sides, sides, guide_pxs, seeds)
def test_law_2_even_where_every_proposal_is_wild(height, width, guide_scale, seed):
    """The law rests on no virtue of the regression: any alpha at all is brought to obey."""
    guide = soft_guide((height, width), seed)
    say = np.clip((np.minimum(guide, 1 - guide) - SATURATED) / FADE, 0, 1)
    wild = np.where(say > 0, np.random.default_rng(seed).integers(0, 2, guide.shape), guide).astype(np.float32)
    obedient = room._constrain(wild, guide, say, guide_scale)
    assert 0 <= obedient.min() <= obedient.max() <= 1
    assert off_the_guide(obedient, guide, guide_scale) <= TOLERANCE + ROUNDING
    assert (obedient[say == 0] == guide[say == 0]).all()


@given(sides, sides, guide_pxs, st.sampled_from(LIES), seeds)
def test_where_the_guide_is_sure_it_stays_exactly(height, width, guide_scale, lie, seed):
    guide = soft_guide((height, width), seed)
    fused = fuse(lie_of(lie, guide, seed), guide, colours(guide.shape, seed), guide_scale)
    sure = (guide <= SATURATED) | (guide >= 1 - SATURATED)
    assert (fused[sure] == guide[sure]).all()


@given(st.integers(120, 220), guide_pxs, st.sampled_from(LIES), st.sampled_from(LIES), st.integers(32, 64), seeds)
def test_law_2_survives_the_feather_between_two_tiles_that_lie(
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


@given(sides, sides, st.integers(0, 20), seeds)
def test_local_mean_is_the_mean_of_the_pixels_that_there_are(height, width, radius, seed):
    rng = np.random.default_rng(seed)
    values = rng.random((height, width), np.float32)
    y, x = rng.integers(height), rng.integers(width)
    expected = values[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1].mean()
    assert local_mean(values, radius)[y, x] == pytest.approx(expected, abs=ROUNDING)


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


@given(sides, sides, st.integers(1, 5), st.integers(0, 5), seeds)
def test_samples_are_the_means_of_squares_of_which_the_last_goes_on_as_it_ends(height, width, side, apart, seed):
    rng = np.random.default_rng(seed)
    values = rng.random((height, width), np.float32)
    step = side + apart
    samples = room._samples(values, side, step)
    assert samples.shape == (-(-height // step), -(-width // step))
    i, j = rng.integers(samples.shape[0]), rng.integers(samples.shape[1])
    rows, cols = (k * step + apart // 2 + np.arange(side) for k in (i, j))
    expected = values[np.ix_(np.minimum(rows, height - 1), np.minimum(cols, width - 1))].mean()
    assert samples[i, j] == pytest.approx(expected, abs=ROUNDING)


def disc(side=160, radius=55.0, softness_px=1.0):
    y, x = np.mgrid[:side, :side] - side / 2
    wavy = radius + 4 * np.sin(9 * np.arctan2(y, x))
    return np.clip((wavy - np.hypot(y, x)) / softness_px + 0.5, 0, 1).astype(np.float32)


def painted(alpha, seed=0):
    """The object of `alpha`, red, on green, with the grain of a photograph."""
    grain = np.random.default_rng(seed).normal(0, 2, (*alpha.shape, 1))
    picture = np.where(np.arange(3) == 0, 200, 60) * alpha[..., None] + [40, 160, 90] * (1 - alpha[..., None])
    return np.clip(picture + grain, 0, 255).astype(np.float32)


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
    for share in (room.GREY_SHARE, 1.0):
        monkeypatch.setattr(room, "GREY_SHARE", share)
        errors.append(np.abs(fuse(truth, guide, painted(truth), 2.0) - truth).mean())
    assert errors[0] < 0.95 * errors[1]
