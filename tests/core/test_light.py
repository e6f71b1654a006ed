import numpy as np
import pytest
from hypothesis import given

from tests.core.guides import seeds
from tests.core.test_compositing import DTYPES, picture
from tiler.core.compositing import srgb_curve
from tiler.core.light import Light

CURVES = [None, srgb_curve()]


@pytest.mark.parametrize("curve", CURVES, ids=["samples", "light"])
@pytest.mark.parametrize("dtype", DTYPES)
@given(seeds)
def test_there_and_back_samples_are_the_same(curve, dtype, seed):
    pixels, light = picture(dtype, seed), Light(curve, np.dtype(dtype))
    back = light.samples(light.of(pixels))
    assert back.dtype == dtype
    assert np.abs(back.astype(float) - pixels).max() <= (1 if dtype == np.uint16 else 0)


def test_integers_are_light_by_the_curve_and_cut_to_their_range():
    light = Light(srgb_curve(), np.dtype(np.uint8))
    np.testing.assert_allclose(light.of(np.full((1, 1, 3), 188, np.uint8)), 0.503, atol=0.001)
    assert light.samples(np.array([[[-1, 0.5, 2]]], np.float32)).tolist() == [[[0, 188, 255]]]
