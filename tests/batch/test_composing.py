from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tiler.batch import Naming, compose_all, find_items
from tiler.cli import process
from tiler.cli.main import app
from tiler.errors import InputError
from tiler.progress import Silent


@pytest.fixture
def cutouts(tmp_path):
    folder = tmp_path / "cutouts"
    (folder / "sub").mkdir(parents=True)
    pixels = np.zeros((8, 9, 4), np.uint8)
    for name in ("a.jpg.png", "b.png", "sub/c.png"):
        Image.fromarray(pixels).save(folder / name)
    Image.fromarray(pixels[..., :3]).save(folder / "opaque.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def composed(cutouts, compose, **more):
    into = cutouts.parent / "out"
    into.mkdir(exist_ok=True)
    items = find_items(cutouts, into, Naming(".png", "{stem}"))
    results = compose_all(items, compose, lambda _: Silent(), into=into, **more)
    return {Path(result.source).name: result for result in results}


def write(_cutout, output, _original, _progress):
    output.write_text("made")


def test_what_fails_stops_nothing_else_and_leaves_its_traceback(cutouts):
    def compose(cutout, output, *rest):
        if cutout.name == "a.jpg.png":
            raise InputError("No.", "Do.")
        if cutout.name == "b.png":
            raise ZeroDivisionError("what nobody foresaw")
        write(cutout, output, *rest)

    results = composed(cutouts, compose)
    assert {name: result.outcome for name, result in results.items()} == {
        "a.jpg.png": "failed",
        "b.png": "failed",
        "opaque.png": "done",
        "notes.txt": "passed over",
        "c.png": "done",
    }
    assert results["a.jpg.png"].reason == "No. Do."
    assert "what nobody foresaw" in (cutouts.parent / "out" / "batch.log").read_text()
    assert (cutouts.parent / "out" / "sub" / "c.png").read_text() == "made"


def test_what_is_there_is_skipped_unless_it_may_go(cutouts):
    composed(cutouts, write)
    there = cutouts.parent / "out" / "b.png"
    there.write_text("mine")
    assert {result.outcome for result in composed(cutouts, write).values()} == {"skipped", "passed over"}
    assert there.read_text() == "mine"
    assert composed(cutouts, write, overwrite=True)["b.png"].outcome == "done"
    assert there.read_text() == "made"


def test_each_cutout_has_its_own_picture(cutouts):
    photos = cutouts.parent / "photos"
    (photos / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b.tif", "sub/c.jpg", "sub/c.tif"):
        (photos / name).write_text("")
    given = {}
    results = composed(
        cutouts, lambda cutout, _, original, __: given.setdefault(cutout.name, original), originals=photos
    )
    assert given == {"a.jpg.png": photos / "a.jpg", "b.png": photos / "b.tif"}
    assert "more than one picture for c.png" in results["c.png"].reason
    assert "no picture for opaque.png" in results["opaque.png"].reason


def test_the_command_lists_what_failed(cutouts, monkeypatch):
    monkeypatch.setattr(process, "prepare", lambda *_, **__: None)
    out = cutouts.parent / "out"
    words = ["compose", str(cutouts), "-o", str(out), "--background", "#102030", "--suffix", ".png"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "3 done, 0 skipped" in done.output
    assert "no alpha" in done.output
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.png")) == ["a.jpg.png", "b.png", "sub/c.png"]
    assert np.asarray(Image.open(out / "b.png"))[0, 0].tolist() == [16, 32, 48]


@pytest.mark.parametrize("words", [["--suffix", ".gif"], ["--offset", "1"], ["--offset", "1,b"], ["--name", "x"]])
def test_wrong_usage_is_told(cutouts, monkeypatch, words):
    monkeypatch.setattr(process, "prepare", lambda *_, **__: None)
    where = ["compose", str(cutouts), "-o", str(cutouts.parent / "out"), "--background", "white"]
    done = CliRunner().invoke(app, [*where, *words])
    assert done.exit_code == 2
    assert words[0] in done.output
