import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.image.pictures import noise
from tiler.image.halving import halve
from tiler.image.source import BAND_ROWS
from tiler.image.write.overviews import Cascade, overview_shapes


@settings(max_examples=25)
@given(st.integers(1, 2200), st.integers(1, 9), st.integers(1, 4))
def test_overviews_made_of_bands_are_those_of_the_picture_in_memory(height, width, levels):
    pixels = noise((height, width, 2), np.uint16)
    got = [[] for _ in range(levels)]
    cascade = Cascade([bands.append for bands in got])
    for start in range(0, height, BAND_ROWS):
        cascade.push(pixels[start : start + BAND_ROWS])
    cascade.close()
    for bands in got:
        np.testing.assert_array_equal(np.concatenate(bands), pixels)
        assert all(band.shape[0] == BAND_ROWS for band in bands[:-1])
        pixels = halve(pixels)


def test_overviews_end_where_one_tile_is_enough():
    assert overview_shapes((512, 512), 512) == []
    assert overview_shapes((1, 1025), 512) == [(1, 513), (1, 257)]
