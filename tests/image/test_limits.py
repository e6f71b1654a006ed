from types import SimpleNamespace

import numpy as np
import pytest

from tests.image.pictures import ArraySource
from tiler.errors import InputError
from tiler.image import limits
from tiler.image.limits import (
    FIXED_BYTES,
    check_decodable,
    check_pixels,
    check_room,
    needed_bytes,
    network_memory,
)
from tiler.image.source import BAND_ROWS


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_memory_grows_with_the_width_and_scratch_with_the_pixels(dtype):
    def needs(height, width):
        return np.array(needed_bytes(ArraySource(np.broadcast_to(dtype(0), (height, width, 3)))))

    assert needs(5000, 100)[0] == needs(300, 100)[0]
    np.testing.assert_array_equal(needs(300, 200) - [FIXED_BYTES, 0], 2 * (needs(300, 100) - [FIXED_BYTES, 0]))
    # Measured: the growth of peak memory with a picture 10,000 px wide, by bytes of a sample.
    measured = {1: 229, 2: 301, 4: 531}[np.dtype(dtype).itemsize] * 2**20
    assert (
        measured < needs(6000, 10000)[0] < measured + FIXED_BYTES + 5 * BAND_ROWS * 10000 * 3 * np.dtype(dtype).itemsize
    )


def test_a_picture_that_is_read_once_is_also_stored_on_scratch():
    pixels = np.broadcast_to(np.uint8(0), (300, 400, 3))
    assert needed_bytes(ArraySource(pixels, False))[1] - needed_bytes(ArraySource(pixels))[1] == pixels.size


def test_a_picture_of_no_pixels_or_of_too_many_is_refused(tmp_path):
    check_pixels(tmp_path, (10, 10), 100)
    for shape in ((0, 5), (5, -1), (10, 11)):
        with pytest.raises(InputError, match=f"{shape[1]} x {shape[0]} px"):
            check_pixels(tmp_path, shape, 100)


def test_the_error_states_memory_and_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "available_memory", lambda: 2**20)
    with pytest.raises(InputError, match=r"GB of memory and .* GB of scratch disk"):
        check_room(tmp_path, ArraySource(np.zeros((5, 5, 3), np.uint8)), tmp_path, 512, 2)
    check_decodable(tmp_path, 2**19, "a picture")
    with pytest.raises(InputError, match="decoded whole"):
        check_decodable(tmp_path, 2**19 + 1, "a picture")


def test_the_remedy_is_stated_and_helps(tmp_path, monkeypatch):
    source = ArraySource(np.zeros((5, 5, 3), np.uint8))
    memory, disk = needed_bytes(source)

    def refused(threads, *, have_memory, have_disk=2**40, **how):
        monkeypatch.setattr(limits, "available_memory", lambda: have_memory)
        monkeypatch.setattr(limits.shutil, "disk_usage", lambda _: SimpleNamespace(free=have_disk))
        try:
            check_room(tmp_path, source, tmp_path, 1024, threads, **how)
        except InputError as error:
            return error.remedy
        return None

    three = memory + network_memory(1024, 3)
    assert refused(8, have_memory=three) == "--threads 3 would do."
    assert refused(3, have_memory=three) is None
    assert "with --threads 1 it takes" in refused(8, have_memory=memory)
    assert "--work-dir" in refused(3, have_memory=three, have_disk=disk - 1)
    assert refused(3, have_memory=three, have_disk=disk - 1, continued=True) is None
    assert "--threads 3" in refused(8, have_memory=three, have_disk=0, continued=True)
