import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.image.pictures import boxes, noise
from tiler.image.framed import framed

SHAPE = (9, 7)


@given(boxes(SHAPE), st.integers(0, 20), st.booleans())
def test_it_is_a_part_of_the_picture_that_goes_on_around(box, halo, wraps):
    pixels = noise((*SHAPE, 2), np.uint8)
    rows = np.pad(pixels, ((halo, halo), (0, 0), (0, 0)), mode="edge")
    whole = np.pad(rows, ((0, 0), (halo, halo), (0, 0)), mode="wrap" if wraps else "edge")
    got, plane = framed(lambda one: (pixels[one.slices], pixels[one.slices][..., 0]), SHAPE, box, halo, wraps=wraps)
    wanted = whole[box.rows.start : box.rows.stop + 2 * halo, box.cols.start : box.cols.stop + 2 * halo]
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(plane, wanted[..., 0])
