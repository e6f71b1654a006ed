"""The corpus run counts what it should, whatever a file does to the process that reads it."""

import json
import os
import sys
import time
from pathlib import Path

import corpus
import numpy as np
import pytest
from decoders import difference
from PIL import Image

from tests.image.pictures import noise


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "deeper").mkdir(parents=True)
    Image.fromarray(noise((20, 30, 3), np.uint8)).save(folder / "good.png")
    Image.fromarray(noise((20, 30), np.uint8)).save(folder / "deeper" / "grey.tif")
    whole = (folder / "good.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("no picture")
    (folder / "empty.jpg").touch()
    (folder / "dangling.jpg").symlink_to("nowhere")
    return folder


def outcomes(path):
    return {Path(one["file"]).name: one["outcome"] for one in map(json.loads, path.read_text().splitlines())}


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["corpus.py", *map(str, words)])
    return corpus.main()


def test_every_file_has_an_outcome_and_is_read_once(pictures, tmp_path, monkeypatch, capsys):
    found = tmp_path / "found.jsonl"
    assert run(monkeypatch, pictures, "--json", found, "--jobs", 2) == 0
    assert outcomes(found) == {
        "good.png": "agrees",
        "grey.tif": "agrees",
        "cut.png": "refused",
        "notes.txt": "no picture",
        "empty.jpg": "no picture",
        "dangling.jpg": "no picture",
    }
    table = capsys.readouterr().out
    assert "| pictures | 6 | 3 | 1 | 2 | 0 | 0 | 0 | 0 | 0 | 0 |" in table
    monkeypatch.setattr(corpus.Children, "ask", lambda *_: pytest.fail("read again"))
    assert run(monkeypatch, pictures, "--json", found) == 0
    assert capsys.readouterr().out == table


CHILD = """
import os, sys, time, json
sys.path[:0] = {path}
import corpus
real = corpus.decoded
def read(path):
    if path.name == "crash.png": os.abort()
    if path.name == "hang.png": time.sleep(60)
    if path.name == "bug.png": raise KeyError("a bug")
    found, pixels = real(path)
    return found, 255 - pixels if path.name == "wrong.png" else pixels
corpus.decoded = read
corpus.child()
"""


def test_what_must_not_happen_is_told_and_the_rest_goes_on(pictures, tmp_path, monkeypatch, capsys):
    for name in ("crash", "hang", "bug", "wrong"):
        Image.fromarray(noise((20, 30, 3), np.uint8)).save(pictures / f"{name}.png")
    (tmp_path / "child.py").write_text(CHILD.format(path=sys.path))
    monkeypatch.setattr(corpus, "__file__", str(tmp_path / "child.py"))
    began = time.monotonic()
    assert run(monkeypatch, pictures, "--json", tmp_path / "found.jsonl", "--seconds", 15, "--jobs", 1) == 1
    assert time.monotonic() - began < 60
    found = outcomes(tmp_path / "found.jsonl")
    assert (found["crash.png"], found["hang.png"], found["bug.png"], found["wrong.png"]) == (
        "crash",
        "hang",
        "traceback",
        "wrong",
    )
    assert (found["good.png"], found["grey.tif"], found["cut.png"]) == ("agrees", "agrees", "refused")
    said = capsys.readouterr().out
    assert "KeyError: 'a bug' (child.py:9)" in said
    assert "wrong.png: pillow: " in said


@pytest.mark.parametrize(
    ("mine", "other", "says"),
    [
        ((4, 5, 3), (4, 5, 3), ""),
        ((4, 5, 3), (5, 4, 3), "4 x 5 px, here 5 x 4"),
        ((4, 5, 1), (4, 5, 3), ""),
        ((4, 5, 3), (4, 5, 4), ""),
        ((4, 5, 4), (4, 5, 3), "3 samples, here 4"),
    ],
)
def test_pictures_are_compared_by_shape_first(mine, other, says):
    assert difference(np.full(mine, 200, np.uint8), np.full(other, 200, np.uint8)) == says


def test_colours_under_alpha_0_are_not_compared():
    mine = np.zeros((4, 5, 3), np.uint8)
    other = np.full((4, 5, 4), 255, np.uint8)
    assert "255.0 of 255 apart" in difference(mine, other)
    other[..., 3] = 0
    assert difference(mine, other) == ""


def test_a_batch_that_leaves_a_file_out_does_not_hold(pictures, tmp_path, monkeypatch, capsys):
    into = tmp_path / "mattes"

    def fake(command, **_):
        rows = [path for path in corpus.files_of(pictures) if path.name != "empty.jpg"]
        lines = ["source,outcome", *(f"{path},failed" for path in rows)]
        (into / "batch.csv").write_text("\n".join(lines))
        return corpus.subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(corpus.subprocess, "run", fake)
    assert not corpus.batch_holds(pictures, into)
    assert "1 files without a row ['" + os.fspath(pictures / "empty.jpg") in capsys.readouterr().out
