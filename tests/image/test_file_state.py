"""A name leads to a file of bytes, or is refused before it is opened; a file that was changed is another one."""

import os
import socket
from contextlib import closing

import pytest

from tiler.errors import InputError
from tiler.image.file_state import check_unchanged, state_of
from tiler.image.info import describe


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"12345")
    return path


def replaced(path):
    other = path.with_name("other")
    other.write_bytes(b"54321")
    os.utime(other, ns=(0, path.stat().st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize(
    "change",
    [
        replaced,
        lambda path: os.utime(path, ns=(0, 1)),
        lambda path: path.write_bytes(b"123456"),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), os.mkfifo(path)),
    ],
)
def test_a_file_that_was_changed_replaced_or_removed_is_not_the_one_it_was(file, change):
    before = state_of(file)
    check_unchanged(file, before)
    change(file)
    with pytest.raises(InputError, match="changed while it was matted"):
        check_unchanged(file, before)


def test_what_is_no_file_of_bytes_is_refused_in_words_and_never_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind("socket")
        said = {"pipe": "a pipe", "socket": "a socket", "/dev/zero": "a device", "link": "leads nowhere"}
        said |= {"folder": "a directory", "missing": "no such file", "x" * 300: "File name too long"}
        for name, words in said.items():
            with pytest.raises(InputError, match=words):
                describe(name)
