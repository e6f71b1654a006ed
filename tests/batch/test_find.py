"""Every path that is found is accounted for, and its output is named after it alone."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tiler.batch import Naming, find_items
from tiler.errors import InputError

TIF = Naming(".tif")


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6)).save(path)


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "in"
    for name in ("a.jpg", "a.png", "sub/b.png", "sub/deep/c.tif", ".hidden.png"):
        picture(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def pictures(items):
    return [str(item.output) for item in items if item.foregone is None]


def test_the_structure_is_kept_and_a_name_depends_on_its_picture_alone(archive):
    names = ["out/a.jpg.tif", "out/a.png.tif", "out/sub/b.png.tif", "out/sub/deep/c.tif.tif"]
    assert pictures(find_items(archive, Path("out"), TIF)) == names
    (archive / "a.jpg").unlink()
    assert pictures(find_items(archive, Path("out"), TIF)) == names[1:]


def test_a_file_that_is_no_picture_is_passed_over_and_said(archive):
    (archive / "empty").touch()
    over = [item for item in find_items(archive, Path("out"), TIF) if item.foregone]
    assert [(item.source.name, item.foregone) for item in over] == [
        ("empty", "passed over"),
        ("notes.txt", "passed over"),
    ]


def test_outputs_in_the_folder_itself_are_not_matted_again(archive):
    before = find_items(archive, archive / "out", TIF)
    picture(archive / "out" / "a.png")
    assert find_items(archive, archive / "out", TIF) == before


def test_what_promises_a_picture_and_holds_none_is_to_be_tried_and_a_linked_folder_is_said(archive, tmp_path):
    (archive / "empty.jpg").touch()
    (archive / "dangling.png").symlink_to("nowhere")
    os.mkfifo(archive / "pipe")
    (archive / "linked").symlink_to(tmp_path, target_is_directory=True)
    found = {item.source.name: item for item in find_items(archive, Path("out"), TIF)}
    assert all(found[name].foregone is None for name in ("empty.jpg", "dangling.png", "pipe"))
    assert (found["linked"].foregone, "not followed" in found["linked"].reason) == ("passed over", True)


@contextmanager
def as_somebody_else():
    """Give a folder, and be a user who may not read everything while the block lasts."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)
        return
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        picture(Path(name) / "x" / "a.png")
        os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


def test_what_may_not_be_read_is_accounted_for():
    with as_somebody_else() as folder:
        if os.geteuid() != 65534:
            pytest.skip("needs to become another user")
        os.seteuid(0)
        picture(folder / "shut" / "b.png")
        picture(folder / "secret.png")
        (folder / "secret.png").chmod(0)
        (folder / "shut").chmod(0)
        os.seteuid(65534)
        found = {item.source.name: item for item in find_items(folder, Path("out"), TIF)}
    assert found["secret.png"].foregone is None
    assert (found["shut"].foregone, "Permission denied" in found["shut"].reason) == ("failed", True)


def listed(folder, data, null=False):
    path = folder / "list.txt"
    path.write_bytes(data)
    return [os.fsencode(item.source.relative_to(folder)) for item in find_items(path, Path("out"), TIF, null=null)]


def test_a_list_keeps_its_order_and_what_is_missing(archive):
    text = b"# tonight\nsub/b.png\n\nmissing.png\na.jpg\n./sub/b.png\n"
    assert listed(archive, text) == [b"sub/b.png", b"missing.png", b"a.jpg"]


def test_lines_end_at_line_feeds_alone_and_names_are_kept_byte_for_byte(archive):
    text = "\ufeffa\u0085b.jpg\r\n  two\u2028 \n \n".encode() + b"na\xffme.jpg\n"
    assert listed(archive, text) == ["a\u0085b.jpg".encode(), "  two\u2028 ".encode(), b"na\xffme.jpg"]


def test_a_list_of_find_print0_holds_any_name(archive):
    assert listed(archive, b"a\nb.jpg\0#c\0 \0", null=True) == [b"a\nb.jpg", b"#c", b" "]
    with pytest.raises(InputError, match="this is no list"):
        listed(archive, "a.jpg\n".encode("utf-16"))


def test_what_a_list_names_elsewhere_keeps_its_whole_path(tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "list.txt").write_text("/jobs/1/a.jpg\n/jobs/2/a.jpg\n../b.jpg\n")
    items = find_items(tmp_path / "lists" / "list.txt", Path("out"), TIF)
    above = Path("out", *tmp_path.parts[1:])
    assert pictures(items) == ["out/jobs/1/a.jpg.tif", "out/jobs/2/a.jpg.tif", str(above / "b.jpg.tif")]


def test_pictures_that_would_share_an_output_fail_and_name_each_other(archive):
    items = find_items(archive, Path("out"), Naming(".tif", "{stem}"))
    first, second = (item for item in items if item.source.stem == "a")
    assert (first.foregone, second.foregone) == ("failed", "failed")
    assert str(second.source) in first.reason
    assert str(first.source) in second.reason
    assert pictures(items) == ["out/sub/b.tif", "out/sub/deep/c.tif"]


@pytest.mark.parametrize("into", ["", "other", "linked"])
def test_no_output_is_a_picture_of_the_batch_by_whatever_way(archive, into):
    (archive / "list.txt").write_text("a.jpg\nsub/b.png\na.tif\n")
    picture(archive / "a.tif")
    if into == "other":
        (archive / "other").mkdir()
        os.link(archive / "a.tif", archive / "other" / "a.tif")
    if into == "linked":
        (archive / "linked").symlink_to(archive, target_is_directory=True)
    items = find_items(archive / "list.txt", archive / into, Naming(".tif", "{stem}"))
    assert [item.foregone for item in items] == ["failed", None, "failed"]


def test_a_list_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be read as a folder or a list"):
        find_items(tmp_path / "none.txt", Path("out"), TIF)
