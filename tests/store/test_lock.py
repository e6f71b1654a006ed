import multiprocessing

import pytest

from tiler.errors import OutputError
from tiler.store.lock import LOCK, FolderGoneError, locked


def test_one_holds_it_and_the_next_is_told_who(tmp_path):
    import os

    with locked(tmp_path), pytest.raises(OutputError, match=f"process {os.getpid()} is at work"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_who_waited_for_a_folder_that_was_removed_is_not_let_in(tmp_path, monkeypatch):
    from tiler.store import lock

    folder = tmp_path / "out.tiler"
    folder.mkdir()
    lock_descriptor = lock.lock_descriptor

    def removed_meanwhile(opened, blocking):
        (folder / LOCK).unlink()
        folder.rmdir()
        return lock_descriptor(opened, blocking=blocking)

    monkeypatch.setattr(lock, "lock_descriptor", removed_meanwhile)
    with pytest.raises(FolderGoneError), locked(folder):
        pass
    with pytest.raises(FolderGoneError), locked(folder):
        pass


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("data")
    (tmp_path / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic"), locked(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "data"


def _work(folder, rounds, seen, inside):
    from tests.recipes import a_recipe
    from tiler.progress import Silent
    from tiler.store.workdir import working

    done = 0
    while done < rounds:
        try:
            with working(folder, a_recipe(), Silent()):
                with inside.get_lock():
                    inside.value += 1
                    seen.value = max(seen.value, inside.value)
                with inside.get_lock():
                    inside.value -= 1
            done += 1
        except OutputError:
            continue


def test_however_often_it_is_made_and_removed_two_are_never_at_work(tmp_path):
    forked = multiprocessing.get_context("fork")
    seen, inside = forked.Value("i", 0), forked.Value("i", 0)
    folder = tmp_path / "out.tif.tiler"
    workers = [forked.Process(target=_work, args=(folder, 20, seen, inside)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert seen.value == 1
    assert list(tmp_path.iterdir()) == []
