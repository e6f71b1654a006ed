import errno

import pytest

from tiler.atomic import atomic_directory, atomic_file, sync_to_disk
from tiler.errors import OutputError


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_the_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "out.bin"
    with atomic_file(path) as file:
        file.write(b"new")
        assert not path.exists()
        assert names(tmp_path)[0].startswith(".out.bin.part-")
    assert (path.read_bytes(), names(tmp_path)) == (b"new", ["out.bin"])


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ValueError, MemoryError, SystemExit])
def test_after_any_error_no_part_is_left_and_the_old_file_stays(tmp_path, trouble):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")

    def interrupted():
        with atomic_file(path) as file:
            file.write(b"half")
            raise trouble

    with pytest.raises(trouble):
        interrupted()
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["out.bin"])


def test_a_full_disk_is_an_output_error(tmp_path):
    path = tmp_path / "out.bin"
    with pytest.raises(OutputError, match=r"out\.bin: cannot be written: No space left") as error, atomic_file(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "Free some space" in error.value.remedy
    assert names(tmp_path) == []


def test_a_missing_directory_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="No such file or directory"), atomic_file(tmp_path / "gone" / "out.bin"):
        pass


def test_a_name_of_the_greatest_length_is_written(tmp_path):
    path = tmp_path / ("n" * 251 + ".tif")
    with atomic_file(path) as file:
        file.write(b"new")
    assert names(tmp_path) == [path.name]


def test_the_mode_is_that_of_any_new_file(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    with atomic_file(tmp_path / "out.bin") as file:
        file.write(b"new")
    assert (tmp_path / "out.bin").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("old", [False, True])
def test_a_directory_appears_when_it_is_complete_and_replaces_the_old_one(tmp_path, old):
    path = tmp_path / "out.zarr"
    if old:
        path.mkdir()
        (path / "other").write_bytes(b"old")
    with atomic_directory(path) as part:
        part.mkdir()
        (part / "file").write_bytes(b"new")
        assert names(path) == ["other"] if old else not path.exists()
    assert (names(tmp_path), names(path), (path / "file").read_bytes()) == (["out.zarr"], ["file"], b"new")


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ValueError])
def test_after_any_error_no_part_is_left_and_the_old_directory_stays(tmp_path, trouble):
    path = tmp_path / "out.zarr"
    path.mkdir()
    (path / "file").write_bytes(b"old")

    def interrupted():
        with atomic_directory(path) as part:
            part.mkdir()
            (part / "file").write_bytes(b"half")
            raise trouble

    with pytest.raises(trouble):
        interrupted()
    assert (names(tmp_path), (path / "file").read_bytes()) == (["out.zarr"], b"old")


def test_a_directory_on_a_full_disk_is_an_output_error(tmp_path):
    path = tmp_path / "out.zarr"
    with pytest.raises(OutputError, match=r"out\.zarr: cannot be written: No space left"), atomic_directory(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names(tmp_path) == []


def test_a_directory_that_cannot_be_renamed_leaves_the_old_one(tmp_path):
    path = tmp_path / "out.zarr"
    path.mkdir()
    with pytest.raises(OutputError, match="cannot be written"), atomic_directory(path):
        pass  # made nothing, so that there is nothing to rename
    assert names(tmp_path) == ["out.zarr"]


def test_syncing_changes_nothing_and_takes_files_and_directories(tmp_path):
    (tmp_path / "file").write_bytes(b"bytes")
    sync_to_disk(tmp_path / "file")
    sync_to_disk(tmp_path)
    assert (tmp_path / "file").read_bytes() == b"bytes"
