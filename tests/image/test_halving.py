import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.image.pictures import noise
from tiler.image.halving import SLICE_ROWS, halve


def slow_halve(pixels):
    """Return the means of 2 x 2 pixels, one after the other; an odd end is averaged over the pixels there are."""
    height, width, samples = pixels.shape
    half = np.empty((-(-height // 2), -(-width // 2), samples), pixels.dtype)
    for i, j in np.ndindex(half.shape[:2]):
        block = pixels[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].astype(int)
        half[i, j] = np.floor(block.mean(axis=(0, 1)) + 0.5)
    return half


@given(
    st.integers(1, 2 * SLICE_ROWS + 30),
    st.integers(1, 9),
    st.integers(1, 5),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(0, 9),
)
def test_half_of_integers_is_the_mean_to_the_nearest(height, width, samples, dtype, seed):
    pixels = noise((height, width, samples), dtype, seed)
    half = halve(pixels)
    assert half.dtype == dtype
    np.testing.assert_array_equal(half, slow_halve(pixels))


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([np.float32, np.float16]))
def test_half_of_floats_is_the_mean(height, width, dtype):
    pixels = (np.random.default_rng(0).random((height, width, 3)) * 200).astype(dtype)
    half = halve(pixels)
    assert half.dtype == dtype
    for i, j in np.ndindex(half.shape[:2]):
        block = pixels[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].astype(float)
        np.testing.assert_allclose(half[i, j], block.mean(axis=(0, 1)), rtol=1e-3)


@given(st.sampled_from([np.uint8, np.uint16]), st.integers(1, 70), st.integers(1, 70))
def test_the_largest_value_stays_the_largest(dtype, height, width):
    white = np.full((height, width, 3), np.iinfo(dtype).max, dtype)
    assert (halve(white) == np.iinfo(dtype).max).all()
