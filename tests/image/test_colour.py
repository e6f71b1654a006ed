import numpy as np
import pytest

from tiler.image.colour import to_network


@pytest.mark.parametrize(("dtype", "step"), [(np.uint8, 1), (np.uint16, 257)])
def test_integers_are_scaled_to_0_to_255(dtype, step):
    values = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    srgb = to_network(values)
    assert srgb.dtype == np.float32
    np.testing.assert_allclose(srgb, values / step, rtol=1e-6)
    assert (srgb[0], srgb[-1]) == (0, 255)


def test_rgb_keeps_its_shape():
    assert to_network(np.zeros((3, 5, 3), np.uint16)).shape == (3, 5, 3)
