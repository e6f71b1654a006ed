import pytest

from tiler.errors import OutputError
from tiler.store.folder import MARKER, claim, empty, gone, is_ours, remove, sweep

FILES = ("recipe.json", "lock", "pyramid/1.level", "pyramid/complete", "canvas/0/1-2.block", "journal/tiles/0-1-2.tile")


@pytest.fixture
def folder(tmp_path):
    ours = tmp_path / "out.tif.tiler"
    claim(ours)
    for name in FILES:
        (ours / name).parent.mkdir(parents=True, exist_ok=True)
        (ours / name).write_bytes(b"bytes")
    return ours


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_is_ours_is_known_by_its_marker_and_goes_whole(folder):
    assert is_ours(folder)
    claim(folder)
    assert remove(folder) == ()
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["thesis.doc", "job.json", "lock", "recipe.json", "complete", MARKER])
def test_a_directory_of_somebody_else_is_never_touched(tmp_path, name):
    theirs = tmp_path / "out.tif.tiler"
    theirs.mkdir()
    (theirs / name).write_text("precious")
    with pytest.raises(OutputError, match="not tiler's"):
        claim(theirs)
    assert (theirs / name).read_text() == "precious"
    assert tree(theirs) == [name]


def test_an_empty_directory_and_a_torn_marker_are_taken(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "two" / MARKER).touch()
    for name in ("one", "two"):
        claim(tmp_path / name)
        assert is_ours(tmp_path / name)


def test_a_folder_of_another_version_is_named_and_kept(folder):
    (folder / MARKER).write_text((folder / MARKER).read_text().replace("Format 1", "Format 2"))
    with pytest.raises(OutputError, match="another version"):
        claim(folder)
    assert (folder / "recipe.json").exists()


@pytest.mark.parametrize("name", ["notes.txt", "canvas/0/mine.png", "pyramid/holiday/beach.jpg"])
def test_files_of_others_in_our_folder_stay(folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")
    assert remove(folder) == (folder / name,)
    assert tree(folder) == sorted([name, MARKER])
    (folder / name).unlink()
    remove(folder)
    assert list(folder.parent.iterdir()) == []


def test_a_link_in_our_folder_is_not_followed(folder, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1-1.block").write_text("mine")
    (folder / "canvas" / "linked").symlink_to(tmp_path / "photos")
    remove(folder)
    assert (tmp_path / "photos" / "1-1.block").read_text() == "mine"


def test_emptying_keeps_marker_and_lock(folder):
    empty(folder)
    assert tree(folder) == sorted([MARKER, "lock"])


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", range(16))
def test_killed_anywhere_in_removal_the_rest_is_still_known_to_be_ours(folder, monkeypatch, moment):
    """Before each rename, unlink and rmdir: what is left is swept the next time, and the place is free or ours."""
    from pathlib import Path

    left = [moment]

    def counted(name):
        function = getattr(Path, name)

        def call(*arguments, **more):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return function(*arguments, **more)

        return call

    with monkeypatch.context() as patched:
        for name in ("rename", "unlink", "rmdir"):
            patched.setattr(Path, name, counted(name))
        try:
            remove(folder)
        except Killed:
            assert folder.exists() or gone(folder).exists()
    sweep(folder)
    claim(folder)
    remove(folder)
    assert list(folder.parent.iterdir()) == []


def test_what_stands_where_it_would_be_hidden_is_left_alone(folder):
    theirs = gone(folder)
    theirs.mkdir()
    (theirs / "photo.jpg").write_text("mine")
    remove(folder)
    assert not folder.exists()
    assert tree(theirs) == ["photo.jpg"]
