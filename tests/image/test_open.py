import os
import random
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.image.pictures import jpeg, noise, write_tiff
from tiler.core.geometry import Box
from tiler.errors import InputError
from tiler.image.open import open_source

SHAPE = (67, 90)


def write(kind, path):
    if kind == "tiled.tif":
        write_tiff(path, SHAPE, tile=(32, 32), compression="zlib", predictor=True)
    elif kind == "striped.tif":
        write_tiff(path, SHAPE, rowsperstrip=9)
    elif kind == "png":
        Image.fromarray(noise((*SHAPE, 3), np.uint8)).save(path, "PNG")
    else:
        jpeg(path, noise((*SHAPE, 3), np.uint8), progressive=kind == "progressive.jpg")


KINDS = ("tiled.tif", "striped.tif", "png", "jpg", "progressive.jpg")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Bytes and pixels of a sound file of each kind."""
    path = tmp_path_factory.mktemp("sound") / "picture"
    found = {}
    for kind in KINDS:
        write(kind, path)
        with closing(open_source(path)) as source:
            found[kind] = path.read_bytes(), source.read(Box.whole(SHAPE))
    return found


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("bad") / "picture"


def read_all(path):
    with closing(open_source(path)) as source:
        if source.shape[0] * source.shape[1] > 10**6:
            return None  # a damaged header may state any size
        return source.read(Box.whole(source.shape))


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_byte_gives_a_picture_or_an_input_error(files, path, kind):
    rng = random.Random(kind)
    whole = files[kind][0]
    for reach in [min(len(whole), 600)] * 40 + [len(whole)] * 20:
        content = bytearray(whole)
        content[rng.randrange(reach)] ^= rng.randrange(1, 256)
        path.write_bytes(content)
        message, got = str(path), None
        try:
            got = read_all(path)
        except InputError as error:
            message = error.what
        assert str(path) in message
        assert got is None or got.shape[2] in (1, 3, 4)


@given(st.binary(max_size=40).map(lambda noise: b"II*\0" + noise) | st.binary(max_size=40))
def test_a_few_bytes_are_no_picture(path, content):
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_all(path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_of_the_file_does_not_matter(tmp_path, kind):
    for name in ("picture.txt", "picture.jpg", "picture.tif", "picture", "picture[1].png", "Bäume, 50 %.jpg"):
        write(kind, tmp_path / name)
        assert read_all(tmp_path / name).shape == (*SHAPE, 3)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        open_source(tmp_path / "none.jpg")


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(InputError, match="this is a directory"):
        open_source(tmp_path)


def test_an_empty_file_is_refused(path):
    path.write_bytes(b"")
    with pytest.raises(InputError, match="the file is empty"):
        open_source(path)


def test_text_named_as_a_picture_is_refused(tmp_path):
    (tmp_path / "picture.jpg").write_text("Dear Sir or Madam")
    with pytest.raises(InputError, match="no picture") as error:
        open_source(tmp_path / "picture.jpg")
    assert "TIFF, PNG, JPEG" in error.value.remedy


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(path):
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(InputError, match="you may not read"):
        open_source(path)


def test_a_picture_of_too_many_pixels_is_refused(path):
    write("png", path)
    with pytest.raises(InputError, match="90 x 67 px, more than"):
        open_source(path, max_pixels=SHAPE[0] * SHAPE[1] - 1)
