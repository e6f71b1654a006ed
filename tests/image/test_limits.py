from types import SimpleNamespace

import numpy as np
import pytest

from tests.image.pictures import ArraySource
from tiler.errors import InputError
from tiler.image import limits
from tiler.image.limits import (
    FIXED_BYTES,
    Network,
    at_work,
    available_memory,
    check_decodable,
    check_pixels,
    check_room,
    needed_bytes,
    size_of,
)
from tiler.image.read.orientation import TurnedSource
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


def picture_source(random_access=True):
    return ArraySource(np.zeros((5, 5, 3), np.uint8), random_access)


@pytest.fixture
def machine(monkeypatch):
    """Give a function that says what memory and disk there are."""

    def have(memory, disk=2**40, *, own=0):
        monkeypatch.setattr(limits, "available_memory", lambda: memory)
        monkeypatch.setattr(limits, "resident_memory", lambda: own)
        monkeypatch.setattr(limits.shutil, "disk_usage", lambda _: SimpleNamespace(free=disk))

    return have


def test_the_error_states_memory_and_disk(tmp_path, machine):
    machine(2**20)
    with pytest.raises(InputError, match=r"GB of memory, 1 kB of scratch disk; there are 1 MB of memory\."):
        check_room(tmp_path, picture_source(), tmp_path, Network(512, 2))
    check_decodable(tmp_path, 2**19, "a picture")
    with pytest.raises(InputError, match="decoded whole"):
        check_decodable(tmp_path, 2**19 + 1, "a picture")


def test_the_remedy_is_stated_and_helps(tmp_path, machine):
    memory, disk = needed_bytes(picture_source())

    def refused(threads, *, have_memory, have_disk=2**40, own=0, **how):
        machine(have_memory, have_disk, own=own)
        try:
            check_room(tmp_path, picture_source(), tmp_path, Network(1024, threads), **how)
        except InputError as error:
            return error.remedy
        return None

    three = memory + Network(1024, 3).memory
    assert refused(8, have_memory=three) == "--threads 3 would do."
    assert refused(3, have_memory=three) is None
    assert refused(3, have_memory=three - 1000, own=999) is not None
    assert refused(3, have_memory=three - 1000, own=1000) is None, "what this process has already it may have again"
    assert "with --threads 1 it takes" in refused(8, have_memory=memory)
    assert "--work-dir" in refused(3, have_memory=three, have_disk=disk - 1)
    assert refused(3, have_memory=three, have_disk=disk - 1, continued=True) is None
    assert "--threads 3" in refused(8, have_memory=three, have_disk=0, continued=True)


def test_the_output_has_room_and_on_one_disk_beside_the_scratch_files(tmp_path, machine, monkeypatch):
    disk = needed_bytes(picture_source())[1]
    other = tmp_path / "other"
    other.mkdir()

    def refused(free, size, folder=tmp_path, **how):
        machine(2**40, free)
        try:
            check_room(tmp_path, picture_source(), tmp_path, Network(8, 1), output=(folder, size), **how)
        except InputError as error:
            return str(error)
        return None

    assert refused(disk + 500, 500) is None
    assert "500" not in (said := refused(disk + 499, 500))
    assert "1 kB for the output" in said
    assert refused(500, 500, continued=True) is None
    stat = type(tmp_path).stat
    devices = {other: SimpleNamespace(st_dev=-1)}
    monkeypatch.setattr(type(tmp_path), "stat", lambda path, **how: devices.get(path) or stat(path, **how))
    assert refused(disk, disk, other) is None
    assert "with -o." in refused(disk, disk + 1, other)


def test_pictures_at_work_and_the_base_count(tmp_path, machine):
    wide = ArraySource(np.broadcast_to(np.uint8(0), (10, 100_000, 3)))
    network = Network(512, 2)
    machine(needed_bytes(picture_source())[0] + network.memory)
    check_room(tmp_path, picture_source(), tmp_path, network)
    with at_work(wide), pytest.raises(InputError, match="fewer --jobs"):
        check_room(tmp_path, picture_source(), tmp_path, network)
    check_room(tmp_path, picture_source(), tmp_path, network)
    # Two views of 4 megapixels take what eight tiles do, which are not there at the same time.
    assert Network(1024, 2, view_px=2**22).memory == Network(1024, 8).memory
    assert Network(1024, 8, view_px=2**20).memory == Network(1024, 8).memory
    assert Network(1024, 1, view_px=2**20, base_px=10**7).memory > Network(1024, 1).memory + 10**8


def test_a_control_group_leaves_less_than_the_machine_has(monkeypatch):
    monkeypatch.setattr(limits, "memory_left", lambda: None)
    assert available_memory() > 10**8
    monkeypatch.setattr(limits, "memory_left", lambda: 12345)
    assert available_memory() == 12345


def test_a_turned_picture_is_unpacked_once_more():
    upright = ArraySource(np.broadcast_to(np.uint8(0), (300, 400, 3)), False)
    turned = TurnedSource(upright, 6, upright.metadata, random_access=False)
    assert needed_bytes(turned)[1] - needed_bytes(upright)[1] == 300 * 400 * 3


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 kB"), (1, "1 kB"), (999_999, "1000 kB"), (4_000_000, "4 MB"), (3_210_000_000, "3.2 GB")]
)
def test_sizes_are_never_nothing_of_something_larger(count, words):
    assert size_of(count) == words
