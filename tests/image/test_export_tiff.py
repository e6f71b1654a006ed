from io import BytesIO

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from tests.image.pictures import SRGB, noise
from tiler.image import export_tiff
from tiler.image.sheet import Sheet
from tiler.image.source import Metadata


def written(pixels, metadata=Metadata(), threads=2):  # noqa: B008
    """Return the file that `write` makes of (h, w, samples) pixels."""
    rows = export_tiff.BAND_ROWS
    bands = (pixels[start : start + rows] for start in range(0, pixels.shape[0], rows))
    file = BytesIO()
    export_tiff.write(file, Sheet(pixels.shape[:2], pixels.shape[2], pixels.dtype, metadata, bands, threads))
    file.seek(0)
    return file


@given(
    st.integers(1, 1100),
    st.integers(1, 1100),
    st.sampled_from([1, 4]),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(1, 3),
)
def test_what_is_written_is_read(height, width, samples, dtype, threads):
    pixels = noise((height, width, samples), dtype)
    got = tifffile.imread(written(pixels, threads=threads))
    np.testing.assert_array_equal(got.reshape(pixels.shape), pixels)


def test_the_tags_say_what_it_is():
    with tifffile.TiffFile(written(noise((20, 30, 4), np.uint8), Metadata(SRGB, (300.0, 240.0)))) as tiff:
        page = tiff.pages.first
        assert not tiff.is_bigtiff
        assert page.extrasamples == (tifffile.EXTRASAMPLE.UNASSALPHA,)
        assert (page.compression, page.predictor, page.tilewidth) == (8, 2, 512)
        assert page.tags[34675].value == SRGB
        assert page.get_resolution("inch") == (300, 240)
        assert len(tiff.pages) == 1


def test_alpha_alone_is_plain_grey():
    with tifffile.TiffFile(written(noise((20, 30, 1), np.uint16))) as tiff:
        page = tiff.pages.first
        assert (page.photometric, page.shape, page.extrasamples) == (1, (20, 30), ())
        assert 34675 not in page.tags


@pytest.mark.parametrize(("room", "big"), [(512 * 512 * 4, False), (512 * 512 * 4 - 1, True)])
def test_what_four_gigabytes_may_not_hold_is_a_bigtiff(monkeypatch, room, big):
    monkeypatch.setattr(export_tiff, "MOST_CLASSIC_BYTES", room)
    pixels = noise((20, 30, 4), np.uint8)
    with tifffile.TiffFile(written(pixels)) as tiff:
        assert tiff.is_bigtiff is big
        np.testing.assert_array_equal(tiff.asarray(), pixels)
