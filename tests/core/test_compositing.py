import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.guides import seeds
from tiler.core.compositing import OPAQUE, over, srgb_curve

DTYPES = [np.uint8, np.uint16, np.float32]


def picture(dtype, seed, shape=(20, 30)):
    rng = np.random.default_rng(seed)
    pixels = rng.random((*shape, 3))
    return pixels.astype(dtype) if dtype == np.float32 else np.rint(pixels * np.iinfo(dtype).max).astype(dtype)


def alphas(seed, shape=(20, 30)):
    rng = np.random.default_rng(seed)
    return rng.choice([0, 1, 20000, 65534, 65535], shape).astype(np.uint16)


@given(st.sampled_from(DTYPES), seeds, st.booleans())
def test_where_alpha_is_0_or_1_the_samples_stay_bit_for_bit(dtype, seed, gamma):
    front, back, alpha = picture(dtype, seed), picture(dtype, seed + 1), alphas(seed)
    got = over(front, back, alpha, None if gamma else srgb_curve())
    assert got.dtype == dtype
    np.testing.assert_array_equal(got[alpha == OPAQUE], front[alpha == OPAQUE])
    np.testing.assert_array_equal(got[alpha == 0], back[alpha == 0])


@given(st.sampled_from(DTYPES), seeds)
def test_samples_are_mixed_as_they_are(dtype, seed):
    front, back, alpha = picture(dtype, seed), picture(dtype, seed + 1), alphas(seed)
    share = (alpha / OPAQUE)[..., None]
    wanted = share * front + (1 - share) * back
    assert np.abs(over(front, back, alpha) - wanted).max() <= (0.51 if dtype != np.float32 else 1e-6)


@given(st.sampled_from(DTYPES[:2]), seeds)
def test_light_is_mixed(dtype, seed):
    front, back, alpha = picture(dtype, seed), picture(dtype, seed + 1), alphas(seed)
    top = np.iinfo(dtype).max

    def light(x):
        return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)

    share = (alpha / OPAQUE)[..., None]
    mixed = share * light(front / top) + (1 - share) * light(back / top)
    wanted = np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * np.maximum(mixed, 1e-12) ** (1 / 2.4) - 0.055) * top
    assert np.abs(over(front, back, alpha, srgb_curve()) - wanted).max() <= (0.51 if top == 255 else 0.6)


@pytest.mark.parametrize("gamma", [False, True])
@pytest.mark.parametrize("one_colour", [False, True])
@pytest.mark.parametrize("alpha_dtype", [np.uint8, np.uint16])
def test_every_mixture_of_8_bits_is_the_formula_rounded(gamma, one_colour, alpha_dtype):
    alpha, front = (plane.astype(np.uint8) for plane in np.mgrid[:256, :256])
    colour = np.array([0, 93, 255], np.uint8)
    back = np.broadcast_to(colour if one_colour else (front * np.uint8(7))[..., None], (256, 256, 3))
    curve = None if gamma else srgb_curve()
    steps = alpha if alpha_dtype == np.uint8 else alpha.astype(np.uint16) * np.uint16(257)
    got = over(np.repeat(front[..., None], 3, axis=2), back, steps, curve)
    share, samples = alpha[..., None] / 255, np.stack([np.repeat(front[..., None], 3, axis=2), back]) / 255
    light = samples if gamma else np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)
    mixed = share * light[0] + (1 - share) * light[1]
    if not gamma:
        mixed = np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * np.maximum(mixed, 1e-12) ** (1 / 2.4) - 0.055)
    assert np.abs(got - mixed * 255).max() <= 0.505


def test_rows_and_depth_of_the_alpha_change_nothing():
    front, back, alpha = picture(np.uint8, 1, (90, 40)), picture(np.uint8, 2, (1, 1)), alphas(3, (90, 40)) // 257
    steps, eight = (alpha * np.uint16(257)), alpha.astype(np.uint8)
    behind = np.broadcast_to(back, front.shape)
    expected = over(front, behind, steps, srgb_curve())
    out = np.zeros((90, 40, 4), np.uint8)
    assert over(front[:, ::-1], behind, eight[:, ::-1], srgb_curve(), out[:, ::-1, :3]) is not None
    np.testing.assert_array_equal(out[..., :3], expected)
    for rows in (slice(0, 1), slice(7, 61)):
        np.testing.assert_array_equal(over(front[rows], behind[rows], steps[rows], srgb_curve()), expected[rows])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_picture_over_itself_is_itself(dtype):
    front = picture(dtype, 5)
    got = over(front, front, alphas(5), srgb_curve() if dtype != np.float32 else None)
    np.testing.assert_allclose(got, front, rtol=1e-6)


def test_what_is_given_is_not_written_to():
    front, back, alpha = picture(np.uint8, 1), picture(np.uint8, 2), alphas(3)
    before = front.copy(), back.copy()
    over(front, np.broadcast_to(back[:1, :1], back.shape), alpha, srgb_curve())
    np.testing.assert_array_equal(front, before[0])
    np.testing.assert_array_equal(back, before[1])
