import csv
import io
import os
import threading
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiler
from tests.test_run import Fake
from tiler.batch import Item, find_items, run_batch, table, to_csv, watch
from tiler.progress import Silent

SETTINGS = tiler.Settings.of(guide_px=48, tile_px=48, overlap_px=12, threads=2)


class Counting(Fake):
    def __init__(self):
        self.calls = 0

    def alpha(self, rgb):
        self.calls += 1
        return super().alpha(rgb)


def picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (90, 120, 3), np.uint8)).save(path)


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "in"
    for seed, name in enumerate(["a.jpg", "a.png", "sub/b.png", "sub/deep/c.tif", ".hidden.png"]):
        picture(folder / name, seed)
    (folder / "notes.txt").write_text("no picture")
    return folder


def run(archive, **settings):
    network = Counting()
    items = find_items(archive, archive.parent / "out", ".png")
    jobs = settings.pop("jobs", 1)
    use = tiler.Settings.of(guide_px=48, tile_px=48, overlap_px=12, threads=2, **settings)
    return list(run_batch(items, use, network, lambda _: Silent(), into=archive.parent / "out", jobs=jobs)), network


def outputs(archive):
    out = archive.parent / "out"
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*.png")}


def test_the_structure_is_kept_and_no_name_is_used_twice(archive):
    items = find_items(archive, Path("out"), ".tif")
    assert [str(item.output) for item in items] == [
        "out/a.jpg.tif",
        "out/a.png.tif",
        "out/sub/b.tif",
        "out/sub/deep/c.tif",
    ]


def test_outputs_in_the_folder_itself_are_not_matted_again(archive):
    before = find_items(archive, archive / "out", ".png")
    picture(archive / "out" / "a.png")
    assert find_items(archive, archive / "out", ".png") == before


def test_a_list_keeps_its_order_and_what_is_missing(archive):
    text = archive / "list.txt"
    text.write_text("# tonight\nsub/b.png\n\nmissing.png\na.jpg\nsub/b.png\n")
    items = find_items(text, Path("out"), ".png")
    assert [item.source.name for item in items] == ["b.png", "missing.png", "a.jpg"]


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
    (archive.parent / "out" / "sub" / "b.png").write_bytes(b"cut")
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
    items = find_items(archive, archive.parent / "out", ".png")
    network = Counting()
    results = run_batch(items, SETTINGS, network, lambda _: Silent(), into=archive.parent / "out")
    next(results)
    results.close()
    calls = network.calls
    assert len(outputs(archive)) < 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batch")]
    assert network.calls == calls


def test_a_watched_file_is_given_once_it_keeps_still_and_again_when_it_changes(tmp_path):
    path = tmp_path / "growing.png"
    item = Item(path, tmp_path / "out.png")
    grows = iter([b"1", b"12", b"12", b"12", b"123", b"123"])
    looks = []

    def find():
        path.write_bytes(data := next(grows))
        looks.append(data)
        os.utime(path, ns=(0, len(data)))
        return [item]

    given = [len(looks) for _ in islice(watch(find, lambda _s: None), 2)]
    assert given == [3, 6]


def test_reports_of_a_batch_lie_in_folders_like_the_outputs(archive):
    folder = archive.parent / "reports"
    results, _ = run(archive, html=folder, report=folder, snapshot=folder)
    assert [result.outcome for result in results] == ["done"] * 4
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert len(found) == 12
    assert {"a.jpg.png.html", "sub/b.png.json", "sub/deep/c.png.npz"} <= set(found)


def test_each_picture_of_a_batch_has_its_own_guide(archive):
    guides = archive.parent / "guides"
    for name, grey in [("a.png", 51), ("sub/b.png", 102)]:
        (guides / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (120, 90), grey).save(guides / name)
    results, _ = run(archive, guide=guides, detail="none", alpha_only=True)
    assert [result.outcome for result in results] == ["done", "done", "done", "failed"]
    assert "there is no guide for c.tif" in results[-1].reason
    found = {name: set(np.unique(np.asarray(Image.open(archive.parent / "out" / name)))) for name in outputs(archive)}
    assert found == {"a.jpg.png": {51}, "a.png.png": {51}, "sub/b.png": {102}}
