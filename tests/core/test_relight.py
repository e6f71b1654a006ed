import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.guides import seeds
from tiler.core.relight import Sums, matched, of_lab, to_lab, wrapped


def some_light(seed, scale=1.0):
    return (np.random.default_rng(seed).random((9, 11, 3), np.float32) * np.float32(scale)).astype(np.float32)


def tone_of(light, weight=None):
    sums = Sums()
    sums.add(to_lab(light), np.ones(light.shape[:2], np.float32) if weight is None else weight)
    return sums.tone()


@given(seeds, st.sampled_from([0.01, 1.0, 4.0]))
def test_light_to_lab_and_back_is_the_same(seed, scale):
    light = some_light(seed, scale)
    np.testing.assert_allclose(of_lab(to_lab(light)), light, atol=2e-3 * scale, rtol=2e-3)


def test_lab_is_that_of_cie():
    white, grey, red = to_lab(np.array([[[1, 1, 1], [0.1842, 0.1842, 0.1842], [1, 0, 0]]], np.float32))[0]
    np.testing.assert_allclose(white, [100, 0, 0], atol=0.01)
    np.testing.assert_allclose(grey, [50, 0, 0], atol=0.05)
    np.testing.assert_allclose(red, [53.24, 80.09, 67.2], atol=0.2)


@given(seeds, st.floats(0, 1))
def test_light_that_wraps_darkens_nothing_and_stops_at_white(seed, amount):
    light, spill = some_light(seed), some_light(seed + 1)
    got = wrapped(light, spill, amount)
    assert (got >= light).all()
    assert got.max() <= 1 + 1e-6
    np.testing.assert_array_equal(wrapped(light, np.zeros_like(light), amount), light)


@given(seeds)
def test_matched_wholly_it_has_the_tone_that_is_wanted(seed):
    light = some_light(seed, 0.2) + np.float32(0.3)  # colours that light can have after the change
    lab = to_lab(light)
    wanted = tone_of(of_lab((lab - lab.mean(axis=(0, 1))) * np.float32(0.8) + np.array([55, 3, -4], np.float32)))
    got = tone_of(matched(light, tone_of(light), wanted, np.ones(light.shape[:2], np.float32)))
    np.testing.assert_allclose(got.mean, wanted.mean, atol=0.3)
    np.testing.assert_allclose(got.deviation, wanted.deviation, rtol=0.05, atol=0.1)


@given(seeds)
def test_with_no_strength_or_its_own_tone_it_stays(seed):
    light = some_light(seed)
    tone, other = tone_of(light), tone_of(some_light(seed + 1, 0.1))
    nothing, all_of_it = np.zeros(light.shape[:2], np.float32), np.ones(light.shape[:2], np.float32)
    np.testing.assert_allclose(matched(light, tone, other, nothing), light, atol=3e-3)
    np.testing.assert_allclose(matched(light, tone, tone, all_of_it), light, atol=3e-3)


def test_a_flat_background_leaves_half_of_the_contrast():
    light = some_light(0, 0.3) + np.float32(0.3)
    flat = tone_of(np.full_like(light, 0.4))
    got = tone_of(matched(light, tone_of(light), flat, np.ones(light.shape[:2], np.float32)))
    np.testing.assert_allclose(got.deviation, np.array(tone_of(light).deviation) / 2, rtol=0.05)


def test_bands_add_up_and_weights_count():
    light = some_light(4)
    weight = np.random.default_rng(1).random(light.shape[:2], np.float32)
    sums = Sums()
    for half in (slice(0, 4), slice(4, None)):
        sums.add(to_lab(light[half]), weight[half])
    lab = to_lab(light).astype(float)
    mean = np.average(lab.reshape(-1, 3), axis=0, weights=weight.ravel())
    np.testing.assert_allclose(sums.tone().mean, mean, rtol=1e-5, atol=1e-5)
    assert sums.tone().deviation == pytest.approx(
        np.average((lab - mean).reshape(-1, 3) ** 2, axis=0, weights=weight.ravel()) ** 0.5, rel=1e-5
    )
    assert Sums().tone() is None
