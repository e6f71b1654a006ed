import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.image.pictures import noise
from tiler.image.write.output import BAND_ROWS
from tiler.image.write.overviews import Cascade, halved, halvings


@settings(max_examples=25)
@given(st.integers(1, 2200), st.integers(1, 9), st.integers(1, 4))
def test_bands_make_the_same_sizes_as_the_whole(height, width, levels):
    pixels = noise((height, width, 2), np.uint16)
    got = [[] for _ in range(levels)]
    cascade = Cascade([bands.append for bands in got])
    for start in range(0, height, BAND_ROWS):
        cascade.push(pixels[start : start + BAND_ROWS])
    cascade.close()
    for bands in got:
        np.testing.assert_array_equal(np.concatenate(bands), pixels)
        assert all(band.shape[0] == BAND_ROWS for band in bands[:-1])
        pixels = halved(pixels)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([np.uint8, np.uint16, np.float32, np.float16]))
def test_a_half_is_the_mean_of_what_it_covers(height, width, dtype):
    pixels = (np.random.default_rng(0).random((height, width, 3)) * 200).astype(dtype)
    half = halved(pixels)
    assert half.dtype == dtype
    step = 0.5 if np.dtype(dtype).kind == "u" else 0.1
    for i, j in np.ndindex(half.shape[:2]):
        covered = pixels[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].astype(float)
        np.testing.assert_allclose(half[i, j], covered.mean(axis=(0, 1)), atol=step)


def test_sizes_end_where_one_tile_is_enough():
    assert halvings((512, 512), 512) == []
    assert halvings((1, 1025), 512) == [(1, 513), (1, 257)]
