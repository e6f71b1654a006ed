import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.image.pictures import boxes, noise
from tiler.image import columns
from tiler.image.columns import by_columns

PIXELS = noise((12, 70, 3), np.uint16)


@given(boxes((12, 70)), st.integers(1, 80))
def test_the_parts_lie_side_by_side(box, block_px):
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "BLOCK_PX", block_px)
        got = by_columns(box, PIXELS.dtype, lambda part: seen.append(part.cols.size) or PIXELS[part.slices])
    np.testing.assert_array_equal(got, PIXELS[box.slices])
    assert max(seen) <= block_px


def test_an_error_in_a_part_is_raised():
    with pytest.raises(ZeroDivisionError):
        by_columns(columns.Box.whole((2, 3)), PIXELS.dtype, lambda _: 1 / 0)
