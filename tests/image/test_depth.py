import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.image.depth import LARGEST_HALF, alpha_to_depth, full_range, premultiplied, to_depth

EIGHT, SIXTEEN = np.arange(256, dtype=np.uint8)[:, None, None], np.arange(65536, dtype=np.uint16)[:, None, None]


def test_integers_are_exact():
    np.testing.assert_array_equal(to_depth(EIGHT, np.dtype(np.uint16)), np.rint(EIGHT * (65535 / 255)))
    np.testing.assert_array_equal(to_depth(SIXTEEN, np.dtype(np.uint8)), np.rint(SIXTEEN / (65535 / 255)))
    np.testing.assert_array_equal(to_depth(to_depth(EIGHT, np.dtype(np.uint16)), np.dtype(np.uint8)), EIGHT)


def test_integers_to_floats_and_back_are_the_same_integers():
    np.testing.assert_array_equal(to_depth(to_depth(EIGHT, np.dtype(np.float16)), np.dtype(np.uint8)), EIGHT)
    np.testing.assert_array_equal(to_depth(to_depth(SIXTEEN, np.dtype(np.float32)), np.dtype(np.uint16)), SIXTEEN)


def test_the_curve_is_that_of_srgb():
    # IEC 61966-2-1: half the code value is 21.4 % of the light.
    assert to_depth(np.full((1, 1, 1), 32768, np.uint16), np.dtype(np.float32)) == pytest.approx(0.2140, abs=1e-4)


def test_numbers_beyond_half_floats_stay_finite():
    bright = np.array([[[1e9, -1e9, 2.0]]], np.float32)
    np.testing.assert_array_equal(to_depth(bright, np.dtype(np.float16)), [[[LARGEST_HALF, -LARGEST_HALF, 2]]])


@given(st.integers(0, 65535), st.integers(0, 65535))
def test_premultiplied_is_the_product_to_the_nearest(value, alpha):
    alphas = np.full((1, 1, 1), alpha, np.uint16)
    for pixels in (np.full((1, 1, 3), value, np.uint16), np.full((1, 1, 3), value >> 8, np.uint8)):
        got = premultiplied(pixels, alphas)
        assert got.dtype == pixels.dtype
        np.testing.assert_array_equal(got, np.floor(pixels.astype(float) * alpha / 65535 + 0.5))
    np.testing.assert_allclose(premultiplied(np.full((1, 1, 3), 2, np.float32), alphas), 2 * alpha / 65535, rtol=1e-6)


def test_foreground_is_the_largest_value_of_every_dtype():
    full = np.array([[[0], [65535]]], np.uint16)
    for dtype, top in ((np.uint8, 255), (np.uint16, 65535), (np.float32, 1), (np.float16, 1)):
        np.testing.assert_array_equal(alpha_to_depth(full, np.dtype(dtype)), [[[0], [top]]])


@given(st.sampled_from([1, 2, 4, 8, 10, 12, 14, 16]), st.data())
def test_samples_of_few_bits_fill_the_full_range(bits, data):
    most = 2**bits - 1
    value = data.draw(st.integers(0, most))
    got = full_range(np.array([0, value, most], np.uint16), bits)
    full = 255 if bits <= 8 else 65535
    assert got.dtype == (np.uint8 if bits <= 8 else np.uint16)
    assert got.tolist() == [0, int(np.floor(value * full / most + 0.5)), full]


@given(st.integers(0, 2**32 - 1))
def test_of_32_bits_the_upper_16_are_kept(value):
    assert full_range(np.array([value], np.uint32), 32).tolist() == [value // 65536]
