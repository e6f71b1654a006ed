import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.fakes import RecordedProgress
from tiler.errors import ModelError
from tiler.model import hub
from tiler.model.card import find_card
from tiler.model.hub import find_graph, status


class HubError(Exception):
    pass


class NetworkError(HubError, ConnectionError):
    pass


class FakeHub:
    """ModelScope's client with a cache, a hub that may be out of reach, and a memory of what it was asked."""

    def __init__(self, root, on_hub=b"", reachable=True):
        self.root, self.on_hub, self.reachable, self.asked = root, on_hub, reachable, []

    def snapshot_download(self, hub_id, *, revision, local_files_only=False, allow_patterns=(), progress_callbacks=()):
        assert revision == "master"
        self.asked.append("cache" if local_files_only else "hub")
        snapshot = self.root / hub_id
        if local_files_only:
            if not snapshot.exists():
                raise HubError("no snapshot")
            return str(snapshot)
        snapshot.mkdir(parents=True, exist_ok=True)
        if not self.reachable:
            raise NetworkError("Connection failed: and much more")
        for name in allow_patterns:
            listeners = [listener(name, len(self.on_hub)) for listener in progress_callbacks]
            for start in range(0, len(self.on_hub), 700_000):
                for listener in listeners:
                    listener.update(len(self.on_hub[start : start + 700_000]))
            (snapshot / name).write_bytes(self.on_hub)
        return str(snapshot)


@pytest.fixture
def card():
    return find_card("bshm")


def using(monkeypatch, fake):
    monkeypatch.setattr(hub, "_client", lambda: (fake.snapshot_download, HubError))
    return fake


def test_a_graph_beside_its_card_asks_nobody(monkeypatch, tmp_path):
    fake = using(monkeypatch, FakeHub(tmp_path))
    modnet = find_card("modnet")
    assert find_graph(modnet, RecordedProgress()) == modnet.directory / "tf_graph.pb"
    assert status(modnet).startswith("on this disk")
    assert fake.asked == []


def test_the_cache_goes_before_the_hub(monkeypatch, tmp_path, card):
    fake = using(monkeypatch, FakeHub(tmp_path, reachable=False))
    cached = tmp_path / card.hub_id / card.graph
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"graph")
    assert find_graph(card, RecordedProgress()) == cached
    assert str(cached) in status(card)
    assert set(fake.asked) == {"cache"}


def test_what_is_not_cached_is_fetched_once_and_progress_adds_up(monkeypatch, tmp_path, card):
    fake = using(monkeypatch, FakeHub(tmp_path, on_hub=bytes(3_000_001)))
    assert status(card).startswith("not on this disk")
    progress = RecordedProgress()
    path = find_graph(card, progress)
    assert path.stat().st_size == 3_000_001
    assert progress.stages == [("fetch bshm", 3)]
    assert progress.steps == [3]
    assert find_graph(card, progress) == path
    assert fake.asked.count("hub") == 1


def test_an_attempt_without_a_network_does_not_stand_in_the_way(monkeypatch, tmp_path, card):
    fake = using(monkeypatch, FakeHub(tmp_path, on_hub=b"graph", reachable=False))
    for _ in range(2):
        with pytest.raises(ModelError):
            find_graph(card, RecordedProgress())
    assert status(card).startswith("not on this disk")
    fake.reachable = True
    assert find_graph(card, RecordedProgress()).read_bytes() == b"graph"


def test_an_unreachable_hub_names_three_ways_in_one_paragraph(monkeypatch, tmp_path, card):
    using(monkeypatch, FakeHub(tmp_path, reachable=False))
    with pytest.raises(ModelError, match="cannot be reached") as raised:
        find_graph(card, RecordedProgress())
    for way in ("connect to the internet", f"modelscope download {card.hub_id}", "MODELSCOPE_CACHE", "--model DIR"):
        assert way in raised.value.remedy
    assert "much more" not in raised.value.what


def test_what_the_hub_says_is_passed_on(monkeypatch, card):
    def refuse(*_args, local_files_only=False, **_kwargs):
        raise HubError("no snapshot" if local_files_only else "403 Forbidden\nand much more")

    monkeypatch.setattr(hub, "_client", lambda: (refuse, HubError))
    with pytest.raises(ModelError, match="ModelScope: 403 Forbidden") as raised:
        find_graph(card, RecordedProgress())
    assert "much more" not in raised.value.what


def test_an_empty_graph_is_not_taken_for_a_model(monkeypatch, tmp_path, card):
    using(monkeypatch, FakeHub(tmp_path, on_hub=b""))
    with pytest.raises(ModelError, match=r"without its tf_graph\.pb"):
        find_graph(card, RecordedProgress())
    bare = replace(card, hub_id=None, directory=tmp_path)
    (tmp_path / card.graph).write_bytes(b"")
    assert status(bare).startswith("missing")
    with pytest.raises(ModelError, match="missing or empty"):
        find_graph(bare, RecordedProgress())


ASK = """
import json, sys
from tiler.model.card import find_card
from tiler.model.hub import status
print(json.dumps([status(find_card("bshm")), any(name.startswith("tensorflow.") for name in sys.modules)]))
"""


@pytest.mark.parametrize(
    "layout", ["models/iic--cv_unet_image-matting/snapshots/master", "hub/iic/cv_unet_image-matting"]
)
def test_the_real_client_finds_its_cache_and_stays_quiet(tmp_path, layout):
    def ask():
        environment = os.environ | {"MODELSCOPE_CACHE": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, env=environment, check=True)
        assert done.stderr == ""
        return json.loads(done.stdout)

    assert ask()[0].startswith("not on this disk")
    (tmp_path / layout).mkdir(parents=True)
    (tmp_path / layout / "tf_graph.pb").write_bytes(b"graph")
    (tmp_path / layout / "configuration.json").write_text("{}")
    said, loaded_tensorflow = ask()
    assert said == f"on this disk: {tmp_path / layout / 'tf_graph.pb'}"
    assert not loaded_tensorflow
