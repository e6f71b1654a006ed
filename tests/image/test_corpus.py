"""Broken and odd files: each gives the right picture or an InputError, never another picture."""

import resource
import time
from contextlib import closing

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from tiler.errors import InputError
from tiler.geometry import Box
from tiler.image.eyes import to_eyes
from tiler.image.open import open_source

ROWS, COLS = np.mgrid[0:64, 0:96]
RGB = np.dstack([COLS * 2, ROWS * 3, ROWS + COLS]).astype(np.uint8)
CUTS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def tiff(path, **more):
    tifffile.imwrite(path, RGB, photometric="rgb", metadata=None, **more)


WRITERS = {
    "png": lambda path: Image.fromarray(RGB).save(path, "PNG"),
    "jpeg": lambda path: Image.fromarray(RGB).save(path, "JPEG", quality=95),
    "progressive": lambda path: Image.fromarray(RGB).save(path, "JPEG", quality=95, progressive=True),
    "webp": lambda path: Image.fromarray(RGB).save(path, "WEBP", lossless=True),
    "avif": lambda path: Image.fromarray(RGB).save(path, "AVIF", quality=100),
    "jxl": lambda path: path.write_bytes(imagecodecs.jpegxl_encode(RGB, lossless=True)),
    "jp2": lambda path: path.write_bytes(imagecodecs.jpeg2k_encode(RGB, level=0)),
    "tiff": tiff,
    "tiff deflate tiles": lambda path: tiff(path, tile=(32, 32), compression="zlib"),
    "tiff lzw": lambda path: tiff(path, rowsperstrip=8, compression="lzw"),
    "tiff zstd": lambda path: tiff(path, tile=(32, 32), compression="zstd"),
    "tiff jpeg": lambda path: tiff(path, tile=(32, 32), compression="jpeg"),
    "tiff jpeg 2000": lambda path: tiff(path, tile=(32, 32), compression="jpeg2000"),
}
# Codecs that lose something stay within this many of 255 steps of the picture.
TOLERANCE = {"jpeg": 12, "progressive": 12, "avif": 12, "tiff jpeg": 12}


def seen(path):
    """Return the pixels for eyes, within the time and the memory that a broken file may take."""
    began = time.perf_counter()
    try:
        with closing(open_source(path, max_pixels=10**6)) as source:
            return to_eyes(source.read(Box.whole(source.shape)), source.colour, source.metadata.icc)
    finally:
        assert time.perf_counter() - began < 20
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 * 2**20


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    for name, write in WRITERS.items():
        write(folder / name)
    return {name: (folder / name).read_bytes() for name in WRITERS}


@pytest.mark.parametrize("name", WRITERS)
def test_a_sound_file_is_the_picture(sound, tmp_path, name):
    path = tmp_path / "picture"
    path.write_bytes(sound[name])
    assert np.abs(seen(path).astype(int) - RGB).max() <= TOLERANCE.get(name, 0)


@pytest.mark.parametrize("kept", CUTS)
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_cut_short_is_refused(sound, tmp_path, name, kept):
    path = tmp_path / "picture"
    path.write_bytes(sound[name][: int(len(sound[name]) * kept)])
    try:
        got = seen(path)
    except InputError:
        return
    assert got.shape == RGB.shape
    assert np.abs(got.astype(int) - RGB).max() <= TOLERANCE.get(name, 0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 65501), (65501, 2)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_odd_shapes(tmp_path, shape, kind):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture", kind)
    np.testing.assert_array_equal(seen(tmp_path / "picture"), pixels)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_no_number_is_harmless_to_eyes(tmp_path, dtype):
    pixels = np.zeros((8, 9, 3), dtype)
    pixels[0, :4, 0] = [np.nan, np.inf, -np.inf, 1]
    tifffile.imwrite(tmp_path / "picture", pixels, photometric="rgb")
    np.testing.assert_array_equal(seen(tmp_path / "picture")[0, :5, 0], [0, 65535, 0, 65535, 0])


def test_a_bomb_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "picture", np.zeros((2000, 2000), np.uint8), compression="zlib")
    with pytest.raises(InputError, match="more than the 1,000,000 pixels"):
        seen(tmp_path / "picture")
