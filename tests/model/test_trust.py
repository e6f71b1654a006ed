import json
from dataclasses import replace
from hashlib import sha256

import pytest

from tests.fakes import RecordedProgress
from tests.model import graphs
from tiler.errors import ModelError
from tiler.model import session as sessions
from tiler.model import trust
from tiler.model.card import find_card
from tiler.settings import ComputeOptions

KEY = "iic/cv_unet_image-matting@master/tf_graph.pb"


@pytest.fixture
def card():
    return find_card("bshm")


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setattr(trust, "user_state_path", lambda *_, **__: tmp_path / "state")
    return tmp_path / "state" / "graphs.json"


@pytest.fixture
def graph(tmp_path):
    (tmp_path / "tf_graph.pb").write_bytes(b"first")
    return tmp_path / "tf_graph.pb"


def test_the_first_graph_is_kept_and_said_and_another_one_refused(card, state, graph):
    first = sha256(b"first").hexdigest()
    progress = RecordedProgress()
    assert trust.pinned(card, graph, progress) == replace(card, sha256=first)
    assert json.loads(state.read_text()) == {KEY: first}
    (note,) = progress.notes
    assert first in note
    assert trust.pinned(card, graph, progress).sha256 == first
    assert len(progress.notes) == 1
    graph.write_bytes(b"second")
    with pytest.raises(
        ModelError, match=f"not the graph of bshm that was used first. Its sha256 was {first}"
    ) as raised:
        trust.pinned(card, graph, progress)
    assert KEY in raised.value.remedy
    assert str(state) in raised.value.remedy


def test_another_revision_has_a_first_of_its_own(card, state, graph):
    trust.pinned(card, graph, RecordedProgress())
    graph.write_bytes(b"second")
    trust.pinned(replace(card, revision="v2"), graph, RecordedProgress())
    assert len(json.loads(state.read_text())) == 2


def test_what_is_known_or_not_from_the_hub_is_left_alone(card, state, graph, tmp_path):
    for known in (
        replace(card, sha256="0" * 64),
        replace(card, hub_id=None, revision=None),
        replace(card, directory=tmp_path),
    ):
        assert trust.pinned(known, graph, RecordedProgress()) is known
    assert not state.exists()


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', "\udcff"])
def test_a_record_that_cannot_be_read_is_no_reason_to_trust(card, state, graph, content):
    state.parent.mkdir()
    state.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ModelError, match="cannot be read"):
        trust.pinned(card, graph, RecordedProgress())


def test_where_nothing_can_be_kept_it_is_said(card, state, graph):
    state.parent.symlink_to("/proc/nowhere")
    progress = RecordedProgress()
    assert trust.pinned(card, graph, progress).sha256 == sha256(b"first").hexdigest()
    assert "cannot be kept" in progress.notes[-1]


@pytest.mark.usefixtures("state")
def test_a_graph_that_was_exchanged_on_the_hub_is_not_run(tmp_path, monkeypatch):
    directory = graphs.write(tmp_path / "hub", graphs.inverted_green)
    monkeypatch.setattr(sessions, "is_here", lambda *_: True)
    monkeypatch.setattr(sessions, "find_graph", lambda *_: directory / "tf_graph.pb")
    compute = ComputeOptions(model="bshm", threads=1, precision="f32")
    with sessions.open_session(compute, RecordedProgress()) as session:
        assert session.card.sha256 == session.sha256
    graphs.write(directory, graphs.red_less_half_blue)
    with pytest.raises(ModelError, match="used first"):
        sessions.open_session(compute, RecordedProgress())
