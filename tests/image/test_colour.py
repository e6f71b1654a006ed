import numpy as np
import pytest

from tests.image.pictures import SRGB
from tiler.image.colour import profile_colour, to_network


@pytest.mark.parametrize(("dtype", "step"), [(np.uint8, 1), (np.uint16, 257)])
def test_integers_are_scaled_to_0_to_255(dtype, step):
    values = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    srgb = to_network(values)
    assert srgb.dtype == np.float32
    np.testing.assert_allclose(srgb, values / step, rtol=1e-6)
    assert (srgb[0], srgb[-1]) == (0, 255)


def test_rgb_keeps_its_shape():
    assert to_network(np.zeros((3, 5, 3), np.uint16)).shape == (3, 5, 3)


@pytest.mark.parametrize(("space", "colour"), [(b"RGB ", "rgb"), (b"GRAY", "grey"), (b"CMYK", "cmyk"), (b"Lab ", None)])
def test_the_header_of_a_profile_names_its_colour(space, colour):
    assert profile_colour(SRGB[:16] + space + SRGB[20:]) == colour
    assert profile_colour(b"") is None
