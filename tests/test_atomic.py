import errno
import os
import re
from contextlib import suppress
from pathlib import Path

import pytest

from tiler.atomic import atomic_directory, atomic_file, remove_stale, replace_bytes, sync_to_disk, sync_tree_to_disk
from tiler.errors import OutputError


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_the_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "out.bin"
    with atomic_file(path) as file:
        file.write(b"new")
        assert not path.exists()
        assert re.fullmatch(r"\.out\.bin\.[0-9a-f]{8}\.part-[0-9a-f]{8}", names(tmp_path)[0])
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


@pytest.mark.parametrize("letter", ["n", "ü", "語", "😀"])
def test_a_name_of_the_greatest_length_is_written(tmp_path, letter):
    path = tmp_path / (letter * (251 // len(letter.encode())) + ".tif")
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


def test_what_is_written_is_synced_before_the_rename_and_its_directory_after(tmp_path, monkeypatch):
    order = []
    fsync = os.fsync

    def watched(opened):
        order.append(("fsync", Path(f"/proc/self/fd/{opened}").readlink().name.split(".")[-1][:4]))
        fsync(opened)

    replace = Path.replace
    monkeypatch.setattr(os, "fsync", watched)
    monkeypatch.setattr(Path, "replace", lambda *paths: order.append(("rename", "")) or replace(*paths))
    with atomic_file(tmp_path / "out.bin") as file:
        file.write(b"new")
    assert order == [("fsync", "part"), ("rename", ""), ("fsync", tmp_path.name.split(".")[-1][:4])]


def test_every_file_and_directory_of_a_new_directory_is_synced(tmp_path, monkeypatch):
    synced = set()
    fsync = os.fsync

    def watched(opened):
        synced.add(Path(f"/proc/self/fd/{opened}").readlink().name)
        fsync(opened)

    monkeypatch.setattr(os, "fsync", watched)
    (tmp_path / "top" / "below").mkdir(parents=True)
    (tmp_path / "top" / "below" / "file").write_bytes(b"bytes")
    sync_tree_to_disk(tmp_path / "top")
    assert synced == {"top", "below", "file"}


def test_stale_parts_of_one_file_are_removed_and_nothing_else(tmp_path):
    path, other = tmp_path / "out.tif", tmp_path / ("out.tif" + "x" * 60)
    stopped = []
    for target in (path, other):
        with suppress(KeyboardInterrupt), atomic_file(target) as file:
            stopped.append(Path(file.name))
            raise KeyboardInterrupt
    for part in stopped:
        part.write_bytes(b"half")
    folder = stopped[0].with_name(stopped[0].name[:-1] + "f")
    if folder != stopped[0]:
        folder.mkdir()
        (folder / "chunk").write_bytes(b"half")
    for name in ("out.tif", ".out.tif.part-12345678", ".out.tif.deadbeef.part-1234567", "part"):
        (tmp_path / name).write_bytes(b"the user's")
    remove_stale(path)
    assert not stopped[0].exists()
    assert not folder.exists()
    assert names(tmp_path) == sorted(
        ["out.tif", ".out.tif.part-12345678", ".out.tif.deadbeef.part-1234567", "part", stopped[1].name]
    )


def test_an_old_directory_whose_new_one_never_came_is_put_back(tmp_path):
    path = tmp_path / "out.zarr"
    path.mkdir()
    (path / "file").write_bytes(b"old")
    with atomic_directory(path) as part:
        old = part.with_name(part.name.replace(".part-", ".old-"))
        part.mkdir()
    path.rename(old)
    (old / "file").write_bytes(b"old")
    remove_stale(path)
    assert names(tmp_path) == ["out.zarr"]
    assert (path / "file").read_bytes() == b"old"


def test_bytes_are_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "tile"
    replace_bytes(path, b"one")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(OSError, match="Input/output"):
        replace_bytes(path, b"two")
    assert (path.read_bytes(), names(tmp_path)) == (b"one", ["tile"])
