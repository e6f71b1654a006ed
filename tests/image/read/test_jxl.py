from contextlib import closing
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest

from tests.image.kinds import EXIF, XMP
from tests.image.pictures import noise
from tests.image.read.test_iso_boxes import box
from tiler.core.geometry import Box
from tiler.image.colour import PROFILE_SPACE, to_srgb
from tiler.image.open import open_source
from tiler.image.read.jxl import MOST_ENTRY_BYTES
from tiler.image.read.jxl_header import BARE, header_of

PIXELS = noise((20, 30, 3), np.uint8)
STREAM = imagecodecs.jpegxl_encode(PIXELS, lossless=True, usecontainer=True)
TIFF = EXIF.tobytes()[6:]


def plain(kind, content):
    return box(kind, content)


def compressed(kind, content):
    return box(b"brob", kind + imagecodecs.brotli_encode(content))


@pytest.mark.parametrize("form", [plain, compressed])
def test_exif_and_xmp_are_kept(tmp_path, form):
    (tmp_path / "picture").write_bytes(STREAM + form(b"Exif", bytes(4) + TIFF) + form(b"xml ", XMP))
    with closing(open_source(tmp_path / "picture")) as source:
        np.testing.assert_array_equal(source.read(Box.whole((20, 30))), PIXELS)
        assert (source.metadata.exif, source.metadata.xmp) == (TIFF, XMP)


def test_a_block_that_decompresses_to_too_much_is_left_out(tmp_path):
    (tmp_path / "picture").write_bytes(STREAM + compressed(b"xml ", bytes(MOST_ENTRY_BYTES + 1)))
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.metadata.xmp is None


def read(path, data):
    path.write_bytes(data)
    with closing(open_source(path)) as source:
        return source, source.read(Box.whole(source.shape)).copy()


@pytest.mark.parametrize("bits", [5, 9, 10, 11, 12, 16])
def test_samples_of_every_depth_use_the_full_range(tmp_path, bits):
    dtype, top = (np.uint8, 255) if bits <= 8 else (np.uint16, 65535)
    stored = noise((20, 30, 3), np.uint16) >> (16 - bits)
    data = imagecodecs.jpegxl_encode(stored.astype(dtype), lossless=True, bitspersample=bits)
    _, pixels = read(tmp_path / "picture", data)
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, np.rint(stored / (2**bits - 1) * top))


def test_the_first_picture_of_an_animation_is_read_and_that_is_said(tmp_path):
    frames = noise((3, 20, 30, 3), np.uint8)
    source, pixels = read(tmp_path / "picture", imagecodecs.jpegxl_encode(frames, lossless=True))
    np.testing.assert_array_equal(pixels, frames[0])
    assert source.metadata.notes == ("The first picture of an animation is read.",)


def on_another_curve(data, number):
    """Return a JPEG XL that says linear with a header that says another curve (ISO 18181-1, table E.6), 2 to 17."""
    at = data.index(BARE)
    bits = int.from_bytes(data[at : at + 40], "little")
    for place in range(16, 320):
        # 8, linear, and the others are stored as 2 and, in four bits, what is beyond 2.
        if (bits >> place) & 63 == 2 | 6 << 2:
            changed = bits & ~(63 << place) | (2 | (number - 2) << 2) << place
            other = data[:at] + changed.to_bytes(40, "little") + data[at + 40 :]
            before, after = header_of(data[at:]), header_of(other[at:])
            if after.curve != "linear" and replace(after, curve="linear") == before:
                return other
    raise AssertionError("no curve in the header")


SRGB_CURVE, PQ = 13, 16


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_floats_on_the_curve_of_srgb_become_linear_light(tmp_path, dtype):
    stored = np.linspace(0, 1, 20 * 30 * 3).reshape(20, 30, 3).astype(dtype)
    data = imagecodecs.jpegxl_encode(stored, lossless=True)
    source, pixels = read(tmp_path / "picture", data)
    np.testing.assert_array_equal(pixels, stored.astype(np.float32))
    source, pixels = read(tmp_path / "picture", on_another_curve(data, SRGB_CURVE))
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(to_srgb(pixels, "rgb", None) / 65535, stored.astype(float), atol=1e-5)
    assert source.metadata.notes == ()


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_light_on_another_curve_is_noted_and_its_profile_kept(tmp_path, dtype):
    stored = np.zeros((20, 30, 3), dtype)
    source, _ = read(tmp_path / "picture", on_another_curve(imagecodecs.jpegxl_encode(stored, lossless=True), PQ))
    assert "seen as that of sRGB" in source.metadata.notes[0]
    # Floats are made linear, so their profile is not true of them.
    assert (source.metadata.icc is None) == (dtype == np.float32)
    assert ("profile is not kept" in source.metadata.notes[-1]) == (dtype == np.float32)


def test_integers_in_linear_light_keep_a_profile_that_says_so(tmp_path):
    stored = noise((20, 30, 3), np.uint16)
    source, pixels = read(tmp_path / "picture", imagecodecs.jpegxl_encode(stored, lossless=True))
    np.testing.assert_array_equal(pixels, stored)
    assert source.metadata.icc[PROFILE_SPACE] == b"RGB "
    assert "seen as that of sRGB" in source.metadata.notes[0]


@pytest.mark.parametrize("samples", [2, 4])
def test_an_alpha_of_its_own_is_kept(tmp_path, samples):
    stored = noise((20, 30, samples), np.uint8)
    source, pixels = read(tmp_path / "picture", imagecodecs.jpegxl_encode(stored, lossless=True))
    assert source.has_alpha
    np.testing.assert_array_equal(pixels, stored)
