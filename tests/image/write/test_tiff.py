from io import BytesIO

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.image.pictures import SRGB, noise, output_image
from tiler.image.halving import halve
from tiler.image.source import SAMPLES, Metadata
from tiler.image.write import tiff as tiff_writer
from tiler.image.write.overviews import overview_shapes

EXTRA = {"straight": (tifffile.EXTRASAMPLE.UNASSALPHA,), "premultiplied": (tifffile.EXTRASAMPLE.ASSOCALPHA,), None: ()}


def written(pixels, *more, **options):
    """Return the file that `write` makes of (h, w, samples) pixels."""
    file = BytesIO()
    tiff_writer.write(file, output_image(pixels, *more, **options))
    file.seek(0)
    return file


def samples(shape, dtype):
    if np.dtype(dtype).kind == "f":
        return np.random.default_rng(0).normal(size=shape).astype(dtype)
    return noise(shape, dtype)


@settings(max_examples=30)
@given(
    st.tuples(st.integers(1, 700), st.integers(1, 700)),
    st.sampled_from(["rgb", "grey", "cmyk"]),
    st.sampled_from(["straight", "premultiplied", None]),
    st.sampled_from([np.uint8, np.uint16, np.float32]),
    st.sampled_from(["deflate", "lzw"]),
    st.booleans(),
)
def test_another_reader_reads_what_is_written(shape, colour, alpha, dtype, compression, overviews):
    pixels = samples((*shape, SAMPLES[colour] + (alpha is not None)), dtype)
    file = written(pixels, colour, alpha, compression=compression, overviews=overviews)
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        np.testing.assert_array_equal(page.asarray().reshape(pixels.shape), pixels)
        assert page.extrasamples == EXTRA[alpha]
        assert page.photometric.name == {"rgb": "RGB", "grey": "MINISBLACK", "cmyk": "SEPARATED"}[colour]
        assert page.compression.name == {"deflate": "ADOBE_DEFLATE", "lzw": "LZW"}[compression]
        assert len(page.subifds or ()) == (len(overview_shapes(shape, 512)) if overviews else 0)


def test_each_overview_is_half_of_the_one_before():
    pixels = noise((2100, 1301, 4), np.uint8)
    with tifffile.TiffFile(written(pixels, overviews=True)) as tiff:
        levels = tiff.series[0].levels
        assert [level.shape[:2] for level in levels] == [(2100, 1301), (1050, 651), (525, 326), (263, 163)]
        for level in levels[1:]:
            pixels = halve(pixels)
            np.testing.assert_array_equal(level.asarray(), pixels)


def test_tags():
    with tifffile.TiffFile(written(noise((20, 30, 4), np.uint8), metadata=Metadata(SRGB, (300.0, 240.0)))) as tiff:
        page = tiff.pages.first
        assert not tiff.is_bigtiff
        assert (page.predictor, page.tilewidth) == (2, 512)
        assert page.tags[34675].value == SRGB
        assert page.get_resolution("inch") == (300, 240)
        assert len(tiff.pages) == 1


@pytest.mark.parametrize("compression", ["deflate", "lzw"])
def test_a_picture_that_a_classic_tiff_may_not_hold_is_a_bigtiff(monkeypatch, compression):
    pixels = noise((20, 30, 4), np.uint8)
    most = tiff_writer.most_bytes(output_image(pixels, compression=compression), (20, 30))
    for room in (most, most - 1):
        monkeypatch.setattr(tiff_writer, "MOST_CLASSIC_BYTES", room)
        with tifffile.TiffFile(written(pixels, compression=compression)) as tiff:
            assert tiff.is_bigtiff is (room < most)
            np.testing.assert_array_equal(tiff.asarray(), pixels)


@settings(max_examples=20)
@given(
    st.integers(1, 1100),
    st.sampled_from([np.uint8, np.uint16, np.float32]),
    st.sampled_from(["deflate", "lzw"]),
    st.integers(0, 99),
)
def test_noise_takes_no_more_than_the_most_bytes(width, dtype, compression, seed):
    """LZW makes noise a third larger than it is, so the size of the pixels is no bound."""
    image = output_image(noise((512, width, 4), np.uint8, seed).astype(dtype), compression=compression)
    with tifffile.TiffFile(written(next(iter(image.bands)), compression=compression)) as tiff:
        assert sum(tiff.pages.first.databytecounts) <= tiff_writer.most_bytes(image, (512, width))


def test_metadata_counts_towards_the_bytes_that_a_classic_tiff_may_not_hold(monkeypatch):
    pixels = noise((20, 30, 4), np.uint8)
    monkeypatch.setattr(tiff_writer, "MOST_CLASSIC_BYTES", tiff_writer.most_bytes(output_image(pixels), (20, 30)))
    with tifffile.TiffFile(written(pixels, metadata=Metadata(xmp=b"<a/>"))) as tiff:
        assert tiff.is_bigtiff


def test_rationals_of_the_first_directory_are_counted_right():
    block = Image.Exif()
    block[318] = (0.3125, 0.33)
    with tifffile.TiffFile(written(noise((20, 30, 4), np.uint8), metadata=Metadata(exif=block.tobytes()[6:]))) as tiff:
        assert tiff.pages.first.tags[318].count == 2
