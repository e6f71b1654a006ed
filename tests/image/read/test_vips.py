from contextlib import closing

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.image.pictures import SRGB, jpeg, noise, own, png16
from tiler.core.geometry import Box, Span
from tiler.image.open import open_source

SHAPE = (67, 90)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("vips") / "picture"


def read_whole(path):
    with closing(open_source(path)) as source:
        return source.read(Box.whole(source.shape))


@given(
    st.sampled_from(["RGB", "RGBA", "L", "LA", "P", "1"]), st.integers(1, 60), st.integers(1, 60), st.integers(1, 25)
)
def test_a_png_in_bands_is_what_pillow_reads(path, mode, height, width, band_rows):
    Image.fromarray(noise((height, width, 3), np.uint8)).convert(mode).save(path, "PNG")
    with Image.open(path) as image:
        whole = own(np.asarray(image.convert("L" if mode in ("L", "LA", "1") else "RGB")))
    with closing(open_source(path)) as source:
        assert (source.shape, source.dtype, source.random_access) == ((height, width), np.uint8, False)
        rows = [Span(start, min(start + band_rows, height)) for start in range(0, height, band_rows)]
        bands = [source.read(Box(span, Span(0, width))) for span in rows]
    np.testing.assert_array_equal(np.concatenate(bands), whole)


@pytest.mark.parametrize("samples", [3, 4])
def test_sixteen_bits_stay_sixteen(path, samples):
    pixels = noise((*SHAPE, samples), np.uint16)
    png16(path, pixels)
    np.testing.assert_array_equal(read_whole(path), pixels[..., :3])


def test_grey_of_sixteen_bits_stays_sixteen(path):
    pixels = noise(SHAPE, np.uint16)
    Image.fromarray(pixels).save(path, "PNG")
    np.testing.assert_array_equal(read_whole(path), own(pixels))


def test_an_interlaced_png(path):
    pixels = noise((*SHAPE, 3), np.uint8)
    pyvips.Image.new_from_array(pixels).pngsave(str(path), interlace=True)
    np.testing.assert_array_equal(read_whole(path), pixels)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_what_pillow_reads(path, mode, progressive):
    Image.fromarray(noise((*SHAPE, 3), np.uint8)).convert(mode).save(path, "JPEG", progressive=progressive)
    with Image.open(path) as image:
        np.testing.assert_array_equal(read_whole(path), own(np.asarray(image)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright(path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    jpeg(path, noise((*SHAPE, 3), np.uint8), exif=exif, dpi=(100, 200))
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    with closing(open_source(path)) as source:
        assert source.shape == upright.shape[:2]
        assert source.metadata.dpi == pytest.approx((100, 200) if orientation < 5 else (200, 100))
        np.testing.assert_array_equal(source.read(Box.whole(source.shape)), upright)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_profile_and_resolution_are_kept(path, kind):
    Image.fromarray(noise((*SHAPE, 3), np.uint8)).save(path, kind, icc_profile=SRGB, dpi=(300, 240))
    with closing(open_source(path)) as source:
        assert source.metadata.icc == SRGB
        assert source.metadata.dpi == pytest.approx((300, 240), abs=0.02)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_no_resolution_is_made_up(path, kind):
    Image.fromarray(noise((*SHAPE, 3), np.uint8)).save(path, kind)
    with closing(open_source(path)) as source:
        assert (source.metadata.icc, source.metadata.dpi) == (None, None)


def test_cmyk_stays_cmyk_and_no_ink_is_zero(path):
    pixels = np.zeros((*SHAPE, 4), np.uint8)
    pixels[:, :40, 1] = 200
    Image.fromarray(pixels, "CMYK").save(path, "JPEG", quality=98)
    with closing(open_source(path)) as source:
        assert source.colour == "cmyk"
        assert np.abs(source.read(Box.whole(SHAPE))[:, :32].astype(int) - pixels[:, :32]).max() <= 4
