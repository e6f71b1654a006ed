from io import BytesIO

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from tests.image.pictures import noise
from tiler.image.read.inflate import inflated, is_plainly_deflated

KINDS = {"compression": "zlib", "predictor": True, "tile": (16, 32), "photometric": "rgb"}


def tiles(pixels, **how):
    """Return the first page of a TIFF of `pixels`, and its tiles as they are stored."""
    file = BytesIO()
    tifffile.imwrite(file, pixels, **{**KINDS, **how})
    file.seek(0)
    page = tifffile.TiffFile(file).pages[0]
    stored = file.getvalue()
    return page, [stored[at : at + size] for at, size in zip(page.dataoffsets, page.databytecounts, strict=True)]


@given(st.integers(1, 40), st.integers(1, 70), st.sampled_from([np.uint8, np.uint16]), st.booleans())
def test_a_tile_is_what_tifffile_makes_of_it(height, width, dtype, differences):
    page, stored = tiles(noise((height, width, 3), dtype), predictor=differences)
    assert is_plainly_deflated(page)
    for index, data in enumerate(stored):
        got = inflated(data, (16, 32, 3), np.dtype(dtype), differences)
        np.testing.assert_array_equal(got, page.decode(data, index)[0][0])
        assert got.dtype == dtype


@given(st.data())
def test_what_is_no_whole_tile_is_none(data):
    _, (stored,) = tiles(noise((16, 32, 3), np.uint8))
    cut = stored[: data.draw(st.integers(0, len(stored) - 1))]
    at = data.draw(st.integers(0, len(stored) - 1))
    flipped = stored[:at] + bytes([stored[at] ^ 255]) + stored[at + 1 :]
    for damaged in (cut, flipped):
        assert inflated(damaged, (16, 32, 3), np.dtype(np.uint8), True) is None
    for rows in (15, 17):
        assert inflated(stored, (rows, 32, 3), np.dtype(np.uint8), True) is None


@pytest.mark.parametrize(
    "how", [{"compression": "lzw"}, {"byteorder": ">", "dtype": np.uint16}, {"dtype": np.float32}, {"dtype": np.uint32}]
)
def test_other_kinds_are_left_to_tifffile(how):
    pixels = np.zeros((16, 32, 3), how.get("dtype", np.uint8))
    page, _ = tiles(pixels, **{key: value for key, value in how.items() if key != "dtype"})
    assert not is_plainly_deflated(page)
