import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.image.pictures import boxes
from tiler.core.geometry import Box
from tiler.image.layers.gradient import gradient
from tiler.image.layers.target import Target

SHAPE = (60, 90)


def drawn(degrees, dtype=np.uint16, box=None, first=(255, 0, 40), last=(0, 100, 40)):
    return gradient(first, last, degrees, Target(SHAPE, np.dtype(dtype), None)).read(box or Box.whole(SHAPE))


@pytest.mark.parametrize(
    ("degrees", "begins", "ends"),
    [(180, (0, 45), (-1, 45)), (0, (-1, 45), (0, 45)), (90, (30, 0), (30, -1)), (-90, (30, -1), (30, 0))],
)
def test_it_runs_as_css_says(degrees, begins, ends):
    got = drawn(degrees).astype(int)
    assert np.abs(got[begins] - (65535, 0, 40 * 257)).max() <= 65535 / 100
    assert np.abs(got[ends] - (0, 25700, 40 * 257)).max() <= 65535 / 100


@given(st.floats(-720, 720))
def test_the_corners_are_the_ends_and_the_middle_is_the_middle(degrees):
    got = drawn(degrees)[..., 0] / 65535
    corners = got[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.max() >= 0.98
    assert corners.min() <= 0.02
    np.testing.assert_allclose(got + got[::-1, ::-1], 1, atol=1e-3)


@given(boxes(SHAPE), st.sampled_from([np.uint8, np.uint16, np.float32]))
def test_a_box_is_a_part_of_the_whole(box, dtype):
    np.testing.assert_array_equal(drawn(33, dtype, box), drawn(33, dtype)[box.slices])


def test_8_bits_differ_from_16_by_less_than_a_step():
    assert np.abs(drawn(180, np.uint8) - drawn(180) / 257).max() < 1
