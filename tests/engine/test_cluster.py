"""On worker processes, even when one of them dies: the bytes of threads."""

import os
import pickle
import signal
import threading
import time
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

import tiler
from tests.fakes import ColourKey, Heard
from tests.test_run import Fake
from tiler import run
from tiler.errors import SettingsError

pytest.importorskip("distributed")
SMALL = {"guide_px": 48, "tile_px": 48, "overlap_px": 12}


class Noted(Fake):
    """Takes its time, and leaves a line with its process for each tile in the directory of the picture."""

    log: Path | None = None

    def alpha(self, rgb):
        time.sleep(0.01)
        with self.log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return ColourKey.alpha(self, rgb)


def open_noted(settings, _progress):
    network = Noted()
    network.log = settings.work_dir / "log"
    return network


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "open_session", open_noted)
    y, x = np.mgrid[:420, :300]
    red = np.clip((0.35 - np.hypot(y - 200, x - 150) / 300) * 12 + 0.5, 0, 1) * 255
    path = tmp_path / "photo.png"
    Image.fromarray(np.stack([red, 255 - red, red // 2], axis=-1).astype(np.uint8)).save(path)
    return path


def matted(photo, name, **options):
    """Return the bytes of a run, the processes that ran its tiles, and what was heard."""
    work, heard = photo.with_name(name), Heard()
    work.mkdir()
    tiler.matte(photo, work / "out.png", tiler.Settings(**SMALL, **{"threads": 2, "work_dir": work, **options}), heard)
    return (work / "out.png").read_bytes(), (work / "log").read_text().split(), heard


def test_processes_give_the_bytes_of_threads(photo):
    straight, ran, heard = matted(photo, "threads")
    sent, ran_there, heard_there = matted(photo, "processes", cluster="local:2")
    assert sent == straight
    assert len(ran_there) == len(ran)
    assert len(set(ran_there)) == 2
    assert str(os.getpid()) not in ran_there
    assert heard_there.stages == heard.stages
    assert sum(heard_there.steps) == sum(heard.steps)


def test_a_worker_that_dies_is_replaced_and_the_bytes_stay(photo):
    straight, ran, _ = matted(photo, "threads", route="dense")
    log = photo.with_name("killed") / "log"

    def kill():
        while not log.exists() or len(log.read_text().split()) < len(ran) // 2:
            time.sleep(0.01)
        os.kill(int(log.read_text().split()[-1]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    sent, ran_there, _ = matted(photo, "killed", route="dense", cluster="local:2")
    killer.join()
    assert sent == straight
    assert len(set(ran_there)) >= 2
    # What is on the canvas is not asked for again: at most the tiles of a few rows are.
    assert len(ran_there) < 1.5 * len(ran)


def test_levels_that_find_more_find_it_there_too(photo):
    straight, *_ = matted(photo, "threads", dense_levels=1)
    sent, *_ = matted(photo, "processes", dense_levels=1, cluster="local:1")
    assert sent == straight


class Seeing(Noted):
    """Sees somebody everywhere in about every second tile, as the tile's own bytes decide."""

    def alpha(self, rgb):
        is_tile = rgb.shape[0] == rgb.shape[1]
        return np.maximum(super().alpha(rgb), np.float32(is_tile and crc32(rgb.tobytes()) % 2))


def open_seeing(settings, _progress):
    network = Seeing()
    network.log = settings.work_dir / "log"
    return network


def test_seams_are_mended_there_too(photo, monkeypatch):
    monkeypatch.setattr(run, "open_session", open_seeing)
    straight, ran, heard = matted(photo, "threads", dense_levels=1, mend=True)
    sent, ran_there, heard_there = matted(photo, "processes", dense_levels=1, mend=True, cluster="local:2")
    assert any("mending" in name and total for name, total in heard.stages)
    assert heard_there.stages == heard.stages
    assert sum(heard_there.steps) == sum(heard.steps)
    assert sent == straight
    assert len(ran_there) == len(ran)
    assert str(os.getpid()) not in ran_there


@pytest.mark.parametrize(
    ("address", "what"),
    [("local:none", "how many"), ("local:0", "how many"), ("tcp://127.0.0.1:9", "no scheduler answers")],
)
def test_an_address_that_leads_nowhere_is_told(photo, monkeypatch, address, what):
    monkeypatch.setattr("tiler.engine.cluster.ANSWER_S", 1)
    with pytest.raises(SettingsError, match=what):
        matted(photo, "nowhere", cluster=address)


def test_a_scene_travels_as_its_recipe():
    from tiler.core.plan import make_plan
    from tiler.engine.cluster import travelling
    from tiler.engine.solve import Scene

    plan = make_plan((25000, 40000), guide_px=512, tile_px=512, overlap_px=128)
    heavy = np.zeros(10**6)
    sent = travelling(Scene(plan, *[heavy] * 6), Path("a"), Path("b"), tiler.Settings(), open_noted)
    assert len(pickle.dumps(sent.recipe)) < 5000
