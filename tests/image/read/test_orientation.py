import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.image.pictures import ArraySource, boxes, noise
from tiler.core.geometry import Box
from tiler.image.read.orientation import TurnedSource, exchanges_sides, upright
from tiler.image.source import Metadata

ORIENTATIONS = range(1, 9)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_upright_is_what_pillow_makes_of_the_orientation(orientation):
    stored = noise((20, 31, 3), np.uint8)
    image = Image.fromarray(stored)
    image.getexif()[274] = orientation
    np.testing.assert_array_equal(upright(stored, orientation), np.asarray(ImageOps.exif_transpose(image)))


@given(st.data(), st.sampled_from(ORIENTATIONS), st.integers(1, 40), st.integers(1, 40))
def test_any_window_is_that_window_of_the_upright_picture(data, orientation, height, width):
    stored = noise((height, width, 3), np.uint8)
    wanted = upright(stored, orientation)
    source = TurnedSource(ArraySource(stored), orientation, Metadata())
    assert source.shape == wanted.shape[:2]
    assert source.shape == ((width, height) if exchanges_sides(orientation) else (height, width))
    box = data.draw(boxes(source.shape))
    np.testing.assert_array_equal(source.read(box), wanted[box.slices])
    np.testing.assert_array_equal(source.read(Box.whole(source.shape)), wanted)
