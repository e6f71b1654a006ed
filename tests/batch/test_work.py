import csv
import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiler
from tests.test_run import Fake
from tiler.batch import Naming, find_items, run_batch, table, to_csv, work, write_csv
from tiler.progress import Silent
from tiler.sidecar import sidecar_of
from tiler.store.folder import claim, gone
from tiler.store.workdir import work_folder

PNG = Naming(".png")
SETTINGS = tiler.Settings.of(guide_px=48, tile_px=48, overlap_px=12, threads=2)


class Counting(Fake):
    def __init__(self):
        self.calls = 0

    def alpha(self, rgb):
        self.calls += 1
        return super().alpha(rgb)


def picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:90, :120]
    Image.fromarray(np.stack([x * 2, y * 2, x + seed], axis=-1).astype(np.uint8)).save(path)


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "in"
    for seed, name in enumerate(["a.jpg", "a.png", "sub/b.png", "sub/deep/c.tif", ".hidden.png"]):
        picture(folder / name, seed)
    (folder / "notes.txt").write_text("no picture")
    return folder


def run(archive, **settings):
    network = Counting()
    into = archive.parent / "out"
    items = [item for item in find_items(archive, into, PNG) if item.foregone != "passed over"]
    how = {name: settings.pop(name) for name in ("jobs", "overwrite") if name in settings}
    use = tiler.Settings.of(guide_px=48, tile_px=48, overlap_px=12, threads=4, **settings)
    return list(run_batch(items, use, network, lambda _: Silent(), into=into, **how)), network


def outputs(archive):
    out = archive.parent / "out"
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*.png")}


def test_many_jobs_give_the_bytes_of_one(archive):
    run(archive)
    one = outputs(archive)
    assert len(one) == 4
    for path in (archive.parent / "out").rglob("*.png"):
        path.unlink()
    results, _ = run(archive, jobs=3)
    assert [result.outcome for result in results] == ["done"] * 4
    assert outputs(archive) == one


def test_what_is_verified_is_skipped_and_what_is_damaged_is_made_again(archive):
    run(archive)
    first = outputs(archive)
    results, network = run(archive)
    assert [result.outcome for result in results] == ["skipped"] * 4
    assert network.calls == 0
    (archive.parent / "out" / "sub" / "b.png.png").write_bytes(b"cut")
    results, _ = run(archive)
    assert [result.outcome for result in results] == ["skipped", "skipped", "done", "skipped"]
    assert outputs(archive) == first
    results, _ = run(archive, alpha_only=True)
    assert [result.outcome for result in results] == ["done"] * 4


def test_a_failure_is_told_and_the_rest_is_done(archive):
    data = (archive / "a.png").read_bytes()
    (archive / "a.png").write_bytes(data[: len(data) // 2])
    results, _ = run(archive)
    assert [result.outcome for result in results] == ["done", "failed", "done", "done"]
    assert "a.png" in results[1].reason
    rows = list(csv.DictReader(io.StringIO(to_csv(results))))
    assert [row["outcome"] for row in rows] == [result.outcome for result in results]
    assert "3 done, 0 skipped, 0 failed tiles, 1 failed" in table(results)


def test_stopping_ends_what_is_at_work_and_starts_nothing_more(archive):
    items = find_items(archive, archive.parent / "out", PNG)
    network = Counting()
    results = run_batch(items, SETTINGS, network, lambda _: Silent(), into=archive.parent / "out")
    next(results)
    results.close()
    calls = network.calls
    assert len(outputs(archive)) < 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batch")]
    assert network.calls == calls


def test_reports_of_a_batch_lie_in_folders_like_the_outputs(archive):
    folder = archive.parent / "reports"
    results, _ = run(archive, html=folder, report=folder, snapshot=folder)
    assert [result.outcome for result in results] == ["done"] * 4
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert len(found) == 12
    assert {"a.jpg.png.html", "sub/b.png.png.json", "sub/deep/c.tif.png.npz"} <= set(found)


def test_each_picture_of_a_batch_has_its_own_guide(archive):
    guides = archive.parent / "guides"
    for name, grey in [("a.png", 51), ("sub/b.png", 102)]:
        (guides / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (120, 90), grey).save(guides / name)
    results, _ = run(archive, guide=guides, detail="none", alpha_only=True)
    assert [result.outcome for result in results] == ["done", "done", "done", "failed"]
    assert "there is no guide for c.tif" in results[-1].reason
    found = {name: set(np.unique(np.asarray(Image.open(archive.parent / "out" / name)))) for name in outputs(archive)}
    assert found == {"a.jpg.png": {51}, "a.png.png": {51}, "sub/b.png.png": {102}}


def test_an_error_that_nobody_foresaw_is_a_row_and_its_traceback_is_in_the_log(archive, monkeypatch):
    really = work.matte

    def sometimes(source, *words, **more):
        if source.name == "a.png":
            raise RuntimeError("a decoder\nfell over")
        return really(source, *words, **more)

    monkeypatch.setattr(work, "matte", sometimes)
    (archive.parent / "out").mkdir()
    results, _ = run(archive)
    assert [result.outcome for result in results] == ["done", "failed", "done", "done"]
    log = archive.parent / "out" / "batch.log"
    assert results[1].reason == f"RuntimeError: a decoder\\nfell over (traceback in {log})"
    assert "in sometimes" in log.read_text()
    assert str(archive / "a.png") in log.read_text()
    assert "1 failed" in table(results)


@pytest.mark.parametrize("sidecar", [None, "", "{}", '{"input": 3}', "[]"])
def test_a_file_that_is_not_ours_is_replaced_only_when_told(archive, sidecar):
    run(archive)
    mine = archive.parent / "out" / "a.png.png"
    mine.write_bytes(b"by hand")
    sidecar_of(mine).unlink()
    if sidecar is not None:
        sidecar_of(mine).write_text(sidecar)
    results, _ = run(archive)
    assert [result.outcome for result in results] == ["skipped", "failed", "skipped", "skipped"]
    assert "--overwrite" in results[1].reason
    assert mine.read_bytes() == b"by hand"
    results, _ = run(archive, overwrite=True)
    assert [result.outcome for result in results] == ["skipped", "done", "skipped", "skipped"]


def test_a_run_that_was_killed_between_output_and_sidecar_is_continued(archive):
    run(archive)
    before = outputs(archive)
    output = archive.parent / "out" / "a.png.png"
    sidecar_of(output).unlink()
    claim(work_folder(output, None))
    results, _ = run(archive)
    assert [result.outcome for result in results] == ["skipped", "done", "skipped", "skipped"]
    assert outputs(archive) == before
    assert not work_folder(output, None).exists()


def test_what_a_kill_has_left_of_a_work_folder_goes_though_its_picture_is_skipped(archive):
    run(archive)
    output = archive.parent / "out" / "a.png.png"
    folder = work_folder(output, None)
    for left in (folder, gone(folder)):
        claim(left)
        (left / "recipe.json").write_text("{}")
        results, _ = run(archive)
        assert {result.outcome for result in results} == {"skipped"}
        assert not left.exists()


def test_the_matte_of_another_picture_is_not_replaced(archive):
    into, stem = archive.parent / "out", Naming(".png", "{stem}")
    (archive / "a.jpg").rename(archive.parent / "a.jpg")

    def again():
        items = [item for item in find_items(archive, into, stem) if item.source.stem == "a"]
        return list(run_batch(items, SETTINGS, Counting(), lambda _: Silent(), into=into))

    assert [result.outcome for result in again()] == ["done"]
    before = outputs(archive)
    (archive / "a.png").rename(archive.parent / "a.png")
    (archive.parent / "a.jpg").rename(archive / "a.jpg")
    (result,) = again()
    assert result.outcome == "failed"
    assert f"the matte of {archive / 'a.png'}" in result.reason
    assert outputs(archive) == before


def test_no_report_takes_the_place_of_a_picture(archive):
    picture(archive / "a.png.png.json.png")
    (archive / "a.png.png.json.png").rename(archive / "a.png.png.json")
    before = (archive / "a.png.png.json").read_bytes()
    results, _ = run(archive, report=archive)
    assert [r.source for r in results if "in the place of a report" in r.reason] == [str(archive / "a.png")]
    assert (archive / "a.png.png.json").read_bytes() == before


def test_what_cannot_be_read_is_a_row_and_says_why(archive):
    os.mkfifo(archive / "pipe")
    (archive / "empty.jpg").touch()
    (archive / "link.png").symlink_to("nowhere.png")
    (archive / "old.gif").write_bytes(b"GIF89a and so on")
    results, _ = run(archive)
    said = {Path(result.source).name: result.reason for result in results if result.outcome == "failed"}
    assert list(said) == ["empty.jpg", "link.png", "old.gif", "pipe"]
    for name, words in {
        "empty.jpg": "is empty",
        "link.png": "nowhere",
        "old.gif": "no picture of",
        "pipe": "a pipe",
    }.items():
        assert words in said[name]


def test_names_that_are_no_text_are_done_and_can_be_told(archive):
    odd = archive / os.fsdecode(b"na\xffme \n.png")
    (archive / "a.png").rename(odd)
    reports = archive.parent / "reports"
    results, _ = run(archive, html=reports, report=reports)
    assert [result.outcome for result in results] == ["done"] * 4
    assert (archive.parent / "out" / f"{odd.name}.png").exists()
    assert list(reports.rglob("*.html"))
    write_csv(results, archive.parent / "t.csv")
    text = (archive.parent / "t.csv").read_text(encoding="utf-8")
    assert "na\\udcffme \n.png" in [Path(row["source"]).name for row in csv.DictReader(io.StringIO(text, newline=""))]
    (archive / "a.jpg").write_bytes(b"")
    os.truncate(odd, 40)
    text = table(run(archive)[0]).encode()  # it can be printed
    assert b"na\\udcffme \\n.png  failed" in text
    results, _ = run(archive)
    assert results[2].outcome == "skipped"


def test_more_jobs_than_threads_are_no_more_pictures_at_once(archive):
    results, _ = run(archive, jobs=50)
    assert [result.outcome for result in results] == ["done"] * 4
