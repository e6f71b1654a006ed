from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from tests.image.pictures import noise
from tiler.core.geometry import Box
from tiler.image.open import open_source
from tiler.image.read.several import pictures_in

FRAMES = [Image.fromarray(noise((20, 30, 3), np.uint8, seed)) for seed in range(3)]


@pytest.mark.parametrize("form", ["PNG", "MPO", "WEBP", "AVIF"])
def test_a_file_of_several_pictures_says_so_and_the_first_is_read(tmp_path, form):
    FRAMES[0].save(tmp_path / "picture", form, save_all=True, append_images=FRAMES[1:])
    with closing(open_source(tmp_path / "picture")) as source:
        assert "The first of 3 p" in source.metadata.notes[0]
        first = source.read(Box.whole(source.shape))
    if form == "PNG":
        np.testing.assert_array_equal(first[..., :3], np.asarray(FRAMES[0]))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_file_of_one_picture_says_nothing(tmp_path, form):
    FRAMES[0].save(tmp_path / "picture", form)
    assert pictures_in(tmp_path / "picture") == 1
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.metadata.notes == ()


def test_counts_that_make_no_sense_are_one(tmp_path):
    FRAMES[0].save(tmp_path / "picture", "MPO", save_all=True, append_images=FRAMES[1:])
    data = (tmp_path / "picture").read_bytes()
    at = data.index(b"MPF\0") + 4
    for broken in (data[:at], data[:at] + bytes(40) + data[at + 40 :], data[: at + 6]):
        (tmp_path / "picture").write_bytes(broken)
        assert pictures_in(tmp_path / "picture") == 1
