import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiler
from tests.fakes import ColourKey, RecordedProgress
from tests.recipes import a_recipe
from tests.test_run import Fake
from tiler import subject
from tiler.errors import OutputError, SettingsError
from tiler.progress import Silent
from tiler.store.folder import MARKER
from tiler.store.workdir import work_folder, working

HOME = Path(__file__).parents[2]
# One view and the network at every level: a call of the network is a tile.
SMALL = {"guide_px": 48, "tile_px": 48, "overlap_px": 12, "threads": 2, "views": 1, "network_levels": "all"}


@pytest.fixture
def photo(tmp_path):
    y, x = np.mgrid[:300, :260]
    red = np.clip((0.35 - np.hypot(y - 150, x - 130) / 260) * 12 + 0.5, 0, 1) * 255
    path = tmp_path / "photo.png"
    Image.fromarray(np.stack([red, 255 - red, red // 2], axis=-1).astype(np.uint8)).save(path)
    return path


class Counting(Fake):
    """Answers `most` times and then does as told."""

    def __init__(self, most=10**9, then=KeyboardInterrupt):
        self.calls, self.most, self.then = 0, most, then

    def alpha(self, rgb):
        self.calls += 1
        if self.calls > self.most:
            raise self.then
        return ColourKey.alpha(self, rgb)


def matte(monkeypatch, photo, network, **settings):
    monkeypatch.setattr(subject, "open_session", lambda *_: network)
    progress = RecordedProgress()
    report = tiler.matte(photo, photo.with_name("out.png"), tiler.Settings.of(**SMALL | settings), progress)
    return report, progress


def test_a_run_stopped_again_and_again_gives_the_bytes_of_the_straight_one(photo, monkeypatch):
    whole = Counting()
    matte(monkeypatch, photo, whole)
    straight = photo.with_name("out.png").read_bytes()
    photo.with_name("out.png").unlink()
    calls, stops = 0, 0
    for _ in range(whole.calls):
        network = Counting(most=4)
        try:
            report, progress = matte(monkeypatch, photo, network, threads=1)
            break
        except KeyboardInterrupt:
            stops += 1
        finally:
            calls += min(network.calls, 4)
    assert stops >= whole.calls // 5
    assert any("continues" in note for note in progress.notes)
    assert photo.with_name("out.png").read_bytes() == straight
    assert calls == whole.calls
    assert not photo.with_name("out.png.tiler").exists()
    assert sum(level.tiles_kept for level in report.levels) + report.tiles_run == whole.calls


def test_a_run_stopped_between_two_views_asks_for_the_others_alone(photo, monkeypatch):
    whole = Counting()
    matte(monkeypatch, photo, whole, views="all")
    straight = photo.with_name("out.png").read_bytes()
    stopped = Counting(most=2)
    with pytest.raises(KeyboardInterrupt):
        matte(monkeypatch, photo, stopped, views="all", threads=1, fresh=True)
    rest = Counting()
    matte(monkeypatch, photo, rest, views="all")
    assert rest.calls == whole.calls - 2
    assert photo.with_name("out.png").read_bytes() == straight


def test_another_setting_is_named_and_fresh_starts_over(photo, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        matte(monkeypatch, photo, Counting(most=5))
    with pytest.raises(SettingsError, match="--tile-px 48 -> 64"):
        matte(monkeypatch, photo, Counting(), tile_px=64)
    _, progress = matte(monkeypatch, photo, Counting(), tile_px=64, fresh=True)
    assert not any("continues" in note for note in progress.notes)


def test_another_picture_under_the_same_name_is_told(photo, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        matte(monkeypatch, photo, Counting(most=5))
    Image.open(photo).rotate(180).save(photo)
    with pytest.raises(SettingsError, match="source sha256"):
        matte(monkeypatch, photo, Counting())


class FailsOn(Counting):
    """Fails for good on the tiles whose calls are numbered."""

    def alpha(self, rgb):
        self.calls += 1
        if self.calls in self.most:
            raise MemoryError("no room")
        return ColourKey.alpha(self, rgb)


def test_a_tile_that_fails_once_is_asked_again_and_nobody_notices(photo, monkeypatch):
    matte(monkeypatch, photo, Counting())
    straight = photo.with_name("out.png").read_bytes()
    report, _ = matte(monkeypatch, photo, FailsOn(most={1, 7}))
    assert report.failed_tiles == ()
    assert photo.with_name("out.png").read_bytes() == straight


def test_a_tile_that_fails_twice_is_listed_and_the_next_run_tries_it_again(photo, monkeypatch):
    matte(monkeypatch, photo, Counting())
    straight = photo.with_name("out.png").read_bytes()
    report, progress = matte(monkeypatch, photo, FailsOn(most={4, 5}), threads=1)
    (tile,) = report.failed_tiles
    assert tile.reason == "no room"
    assert any("takes its place" in note for note in progress.notes)
    assert photo.with_name("out.png").read_bytes() != straight
    again = Counting()
    report, _ = matte(monkeypatch, photo, again)
    assert report.failed_tiles == ()
    assert photo.with_name("out.png").read_bytes() == straight
    assert not photo.with_name("out.png.tiler").exists()


def test_strict_fails_and_a_failing_base_always_does(photo, monkeypatch):
    with pytest.raises(tiler.ModelError, match=r"level 2|level 1|level 0"):
        matte(monkeypatch, photo, FailsOn(most={4, 5}), threads=1, strict=True)
    with pytest.raises(tiler.ModelError, match="no room"):
        matte(monkeypatch, photo, FailsOn(most={1, 2}), threads=1, fresh=True)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_damaged_in_the_work_folder_the_bytes_are_those_of_the_straight_run(photo, monkeypatch, seed):
    """One file of the work folder is gone, cut or has one bit flipped: it is made anew, or the error names a file."""
    rng = random.Random(seed)
    matte(monkeypatch, photo, Counting())
    straight = photo.with_name("out.png").read_bytes()
    photo.with_name("out.png").unlink()
    with pytest.raises(KeyboardInterrupt):
        matte(monkeypatch, photo, Counting(most=rng.randrange(5, 30)))
    folder = photo.with_name("out.png.tiler")
    path = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock"))
    data = bytearray(path.read_bytes())
    harm = rng.choice(["gone", "cut", "flipped"])
    if harm == "gone":
        path.unlink()
    elif harm == "cut" or not data:
        path.write_bytes(data[: len(data) // 2])
    else:
        bit = rng.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
    try:
        matte(monkeypatch, photo, Counting())
    except tiler.TilerError as error:
        assert str(folder) in error.what  # noqa: PT017
        if path.name == MARKER:  # then the folder is nobody's, and stays
            assert "not tiler's" in error.what  # noqa: PT017
            return
        matte(monkeypatch, photo, Counting(), fresh=True)
    assert photo.with_name("out.png").read_bytes() == straight, (path, harm)
    assert sorted(path.name for path in photo.parent.iterdir()) == ["out.png", "out.png.matte.json", "photo.png"]


def test_a_folder_has_one_worker_and_says_who(tmp_path):
    folder = tmp_path / "out.tif.tiler"
    code = (
        "import sys, pathlib; from tests.recipes import a_recipe; from tiler.store.workdir import working\n"
        "from tiler.progress import Silent\n"
        "with working(pathlib.Path(sys.argv[1]), a_recipe(), Silent()): print('in', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(command, cwd=HOME, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"in\n"
        with pytest.raises(OutputError, match=f"process {other.pid}"), working(folder, a_recipe(), Silent()):
            pass
        other.kill()
        other.wait()
        with working(folder, a_recipe(), Silent()):
            assert json.loads((folder / "recipe.json").read_text()) == a_recipe().parts()
    assert not folder.exists()


def test_a_directory_of_somebody_else_is_left_alone(tmp_path):
    folder = tmp_path / "out.tif.tiler"
    folder.mkdir()
    (folder / "novel.txt").write_text("chapter one")
    with pytest.raises(OutputError, match="not tiler's"), working(folder, a_recipe(), Silent(), fresh=True):
        pass
    assert [path.name for path in folder.iterdir()] == ["novel.txt"]


def test_two_outputs_of_one_name_do_not_meet_in_a_work_dir(tmp_path):
    one, two = (work_folder(tmp_path / name / "out.tif", tmp_path) for name in "ab")
    assert one != two
