"""On worker processes, even when one of them dies: the bytes of threads."""

import os
import pickle
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

import tiler
from tests.fakes import ColourKey, RecordedProgress
from tests.recipes import a_recipe
from tests.test_run import Fake
from tests.test_two_networks import TOLD, TWO_CARD
from tiler import run, subject
from tiler.core.plan import make_plan
from tiler.engine.scene import Scene
from tiler.errors import ModelError, SettingsError
from tiler.model.pair import Pair
from tiler.recipe import shaping_versions

pytest.importorskip("distributed")

import distributed

from tiler.engine.cluster import on_cluster, travelling

SMALL = {"guide_px": 48, "tile_px": 48, "overlap_px": 12}


class Noted(Fake):
    """Takes its time, and leaves a line with its process for each tile in the file that the environment names."""

    def alpha(self, rgb):
        time.sleep(0.01)
        with Path(os.environ["TILER_TEST_LOG"]).open("a") as file:
            file.write(f"{os.getpid()}\n")
        return ColourKey.alpha(self, rgb)


def open_noted(_compute, _progress):
    return Noted()


@pytest.fixture
def photo(tmp_path, monkeypatch):
    for module in (run, subject):
        monkeypatch.setattr(module, "open_session", open_noted)
    y, x = np.mgrid[:420, :300]
    red = np.clip((0.35 - np.hypot(y - 200, x - 150) / 300) * 12 + 0.5, 0, 1) * 255
    path = tmp_path / "photo.png"
    Image.fromarray(np.stack([red, 255 - red, red // 2], axis=-1).astype(np.uint8)).save(path)
    return path


def matted(photo, name, **options):
    """Return the bytes of a run, the processes that ran its tiles, and the progress."""
    work, progress = photo.with_name(name), RecordedProgress()
    work.mkdir()
    settings = tiler.Settings.of(**SMALL, **{"threads": 2, "work_dir": work, **options})
    with patch.dict(os.environ, TILER_TEST_LOG=str(work / "log")):
        tiler.matte(photo, work / "out.png", settings, progress)
    return (work / "out.png").read_bytes(), (work / "log").read_text().split(), progress


def test_processes_give_the_bytes_of_threads(photo):
    straight, ran, progress = matted(photo, "threads")
    sent, ran_there, progress_there = matted(photo, "processes", cluster="local:2")
    assert sent == straight
    assert len(ran_there) == len(ran)
    assert len(set(ran_there)) == 2
    assert str(os.getpid()) not in ran_there
    assert progress_there.stages == progress.stages
    assert sum(progress_there.steps) == sum(progress.steps)


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


class NotedTold(Noted):
    """Is told what is known, and has to be."""

    card = TOLD

    def alpha(self, rgb, hint):
        return np.where(hint == 0.5, super().alpha(rgb), hint).astype(np.float32)


def open_two(_compute, _progress):
    return Pair(Noted(), NotedTold())


def test_a_worker_holds_both_networks(photo, monkeypatch):
    for module in (run, subject):
        monkeypatch.setattr(module, "open_session", open_two)
    monkeypatch.setattr(subject, "card_of", lambda _: TWO_CARD)
    straight, ran, _ = matted(photo, "threads", model="told", guide_model="modnet")
    sent, ran_there, _ = matted(photo, "processes", model="told", guide_model="modnet", cluster="local:1")
    assert sent == straight
    assert len(ran_there) == len(ran)
    assert str(os.getpid()) not in ran_there
    monkeypatch.setattr(run, "open_session", lambda *_: NotedTold())
    with pytest.raises(SettingsError, match=r"would shape other bytes: it has .*guide model"):
        matted(photo, "one", model="told", guide_model="modnet", cluster="local:1")


class Seeing(Noted):
    """Sees somebody everywhere in about every second tile, as the tile's own bytes decide."""

    def alpha(self, rgb):
        is_tile = rgb.shape[0] == rgb.shape[1]
        return np.maximum(super().alpha(rgb), np.float32(is_tile and crc32(rgb.tobytes()) % 2))


def open_seeing(_compute, _progress):
    return Seeing()


def test_seams_are_mended_there_too(photo, monkeypatch):
    for module in (run, subject):
        monkeypatch.setattr(module, "open_session", open_seeing)
    straight, ran, progress = matted(photo, "threads", dense_levels=1, repair=True)
    sent, ran_there, progress_there = matted(photo, "processes", dense_levels=1, repair=True, cluster="local:2")
    assert any("repairing" in name and total for name, total in progress.stages)
    assert progress_there.stages == progress.stages
    assert sum(progress_there.steps) == sum(progress.steps)
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


def open_and_say(_compute, progress):
    progress.note("it pools over the whole input")
    return Noted()


def test_what_a_worker_notes_on_opening_the_network_is_passed_on(photo, monkeypatch):
    monkeypatch.setattr(run, "open_session", open_and_say)
    _, _, progress = matted(photo, "noted", cluster="local:1")
    assert "it pools over the whole input" in progress.notes


class Bf16(Noted):
    precision = "bf16"


def open_bf16(_compute, _progress):
    return Bf16()


@pytest.mark.parametrize(
    ("opens", "changed", "says"),
    [
        (open_bf16, {}, "precision bf16, here f32"),
        (open_noted, {"graph_sha256": "c" * 64}, "model graph sha256"),
        (open_noted, {"versions": (("numpy", "1.0"),)}, "version of numpy .*, here 1.0"),
    ],
)
def test_a_worker_that_would_shape_other_bytes_is_refused(tmp_path, opens, changed, says):
    plan = make_plan((60, 80), guide_px=48, tile_px=48, overlap_px=12)
    recipe = a_recipe(card=Fake.card, graph_sha256=Fake.sha256, plan=plan, versions=shaping_versions())
    (tmp_path / "photo.png").touch()
    settings = tiler.Settings.of(threads=1)
    sent = travelling(
        Scene(plan, *[None] * 6), tmp_path / "photo.png", tmp_path, settings, replace(recipe, **changed), opens
    )
    with pytest.raises(SettingsError, match=says), on_cluster("local:1", sent):
        pass


def refuses_to_open(_compute, _progress):
    raise ModelError("The network would not run in bfloat16 here.", "Use --precision auto.")


def test_a_worker_that_cannot_open_the_network_is_named(tmp_path):
    plan = make_plan((60, 80), guide_px=48, tile_px=48, overlap_px=12)
    (tmp_path / "photo.png").touch()
    sent = travelling(
        Scene(plan, *[None] * 6),
        tmp_path / "photo.png",
        tmp_path,
        tiler.Settings.of(threads=1),
        a_recipe(plan=plan, versions=shaping_versions()),
        refuses_to_open,
    )
    with (
        pytest.raises(SettingsError, match=r"The worker tls://.* cannot open the network: .*bfloat16"),
        on_cluster("local:1", sent),
    ):
        pass


def test_workers_work_at_the_precision_that_was_resolved():
    recipe = a_recipe(precision="bf16")
    sent = travelling(Scene(recipe.plan, *[None] * 6), Path("a"), Path("b"), tiler.Settings(), recipe, open_noted)
    assert sent.ticket.compute.precision == "bf16"


def ports_of(pid):
    """Return the addresses on which a process listens, as /proc/net/tcp writes them, and those on all interfaces."""
    sockets = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()
    ]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="Linux")
def test_nobody_else_may_talk_to_the_processes_of_local(photo, monkeypatch):
    addresses, listening, strangers = [], [], []
    real = distributed.Client

    class Watched(real):
        def run(self, *args, **kwargs):
            addresses.extend([self.scheduler.address, *self.nthreads()])
            for pid in (os.getpid(), *super().run(os.getpid).values()):
                listening.extend(ports_of(pid))
            try:
                real(self.scheduler.address, security=distributed.Security.temporary(), timeout=3)
            except OSError as error:
                strangers.append(error)
            return super().run(*args, **kwargs)

    monkeypatch.setattr(distributed, "Client", Watched)
    matted(photo, "locked", cluster="local:1")
    assert addresses
    assert all(address.startswith("tls://127.0.0.1:") for address in addresses)
    assert len(listening) >= 2
    assert all(address.startswith("0100007F:") for address in listening), listening
    assert strangers


def held_by_a_worker():
    from tiler.engine import worker

    files = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return len(worker._held), [name for name in files if "photo" in name or "pyramid" in name]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="Linux")
def test_workers_of_a_standing_cluster_let_go_of_a_run_that_ends(photo, monkeypatch):
    monkeypatch.setenv("TILER_TEST_LOG", str(photo.with_name("sent") / "log"))
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as standing,
        distributed.Client(standing, set_as_default=False) as client,
    ):
        matted(photo, "sent", cluster=standing.scheduler_address)
        assert list(client.run(held_by_a_worker).values()) == [(0, [])]


def test_a_scene_travels_as_its_ticket():
    plan = make_plan((25000, 40000), guide_px=512, tile_px=512, overlap_px=128)
    heavy = np.zeros(10**6)
    sent = travelling(
        Scene(plan, *[heavy] * 6), Path("a"), Path("b"), tiler.Settings(), a_recipe(plan=plan), open_noted
    )
    assert len(pickle.dumps(sent.ticket)) < 8000


class NotedViews(Noted):
    """One whose sizes were measured, so that small subjects get a closer look."""

    card = replace(Noted.card, guide_px=48, views_px=(48, 36))


def open_noted_views(_compute, _progress):
    return NotedViews()


def test_processes_look_as_closely_as_threads(photo, monkeypatch):
    for module in (run, subject):
        monkeypatch.setattr(module, "open_session", open_noted_views)
    pixels = np.zeros((256, 512, 3), np.uint8)
    pixels[..., 1] = 255
    pixels[100:130, 60:80] = pixels[90:150, 300:340] = (255, 0, 0)
    Image.fromarray(pixels).save(photo)
    straight, ran, progress = matted(photo, "threads")
    sent, ran_there, _ = matted(photo, "processes", cluster="local:2")
    assert "a closer look" in [name for name, _ in progress.stages]
    assert sent == straight
    assert len(ran_there) == len(ran)
