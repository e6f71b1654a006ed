from dataclasses import replace

import numpy as np
import pytest

from tests.fakes import RecordedProgress
from tests.model.onnx_graphs import known_alpha, known_detail, saved, stand_in
from tests.model.test_onnx_runtime import a_card
from tiler.errors import ModelError, SettingsError
from tiler.model import pair, session
from tiler.model.card import find_card
from tiler.model.contract import Trimap
from tiler.model.onnx_runtime import OnnxSession
from tiler.model.pair import Pair, card_of, joined, networks_of
from tiler.model.session import open_session
from tiler.settings import ComputeOptions

TOLD = {"trimap": Trimap(values=(0.0, 0.5, 1.0))}


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """Cards of a network for the guide, one for detail that takes a trimap, and one for both."""
    graphs = {"whole": stand_in(), "told": stand_in(trimap=(0, 0.5, 1)), "any": stand_in()}
    paths = {name: saved(tmp_path / name / "net.onnx", graph) for name, graph in graphs.items()}
    found = {
        "whole": a_card(paths["whole"].parent, name="whole", role="guide", guide_px=96, views_px=(), network_levels=0),
        "told": a_card(paths["told"].parent, TOLD, name="told", role="detail", views_px=(), network_levels=None),
        "any": a_card(paths["any"].parent, name="any", guide_px=128, views_px=(128, 96)),
    }
    for module in (pair, session):
        monkeypatch.setattr(module, "find_card", found.__getitem__)
    monkeypatch.setattr(session, "is_here", lambda _: True)
    monkeypatch.setattr(session, "find_graph", lambda card, _: card.directory / card.graph)
    monkeypatch.setattr(session, "pinned", lambda card, *_: card)
    return found


def test_one_network_is_opened_as_it_was(cards):
    for guide_model in (None, "any"):
        compute = ComputeOptions(model="any", guide_model=guide_model)
        with open_session(compute, RecordedProgress()) as found:
            assert isinstance(found, OnnxSession)
            assert networks_of(found) == (found, found)
            assert found.card == card_of(compute) == cards["any"]


def test_two_networks_answer_each_their_own(cards):
    compute = ComputeOptions(model="told", guide_model="whole")
    rgb = np.random.default_rng(0).uniform(0, 255, (20, 30, 3)).astype(np.float32)
    hint = np.full((20, 30), 0.5, np.float32)
    hint[:, 15:] = 1
    with open_session(compute, RecordedProgress()) as found:
        guide, tiles = networks_of(found)
        np.testing.assert_allclose(guide.alpha(rgb), known_alpha(rgb), atol=1e-4)
        np.testing.assert_allclose(tiles.alpha(rgb, hint), known_detail(rgb, hint), atol=1e-4)
        np.testing.assert_array_equal(found.alpha(rgb), guide.alpha(rgb))
        assert (found.sha256, found.device, found.precision) == (tiles.sha256, tiles.device, tiles.precision)
        assert guide.sha256 != tiles.sha256
        assert found.card == card_of(compute) == joined(cards["whole"], cards["told"])


def test_the_guide_is_the_one_card_and_all_else_the_other(cards):
    card = joined(cards["any"], cards["told"])
    assert (card.guide_px, card.views_px) == (128, (128, 96))
    assert card == replace(cards["told"], role="any", guide_px=128, views_px=(128, 96))


@pytest.mark.parametrize(
    ("guide_model", "model", "says", "do"),
    [
        ("told", "any", "--guide-model told: this network is shown tiles alone", "--model told"),
        ("any", "whole", "--model whole: this network knows pictures as a whole only", "--guide-model whole"),
    ],
)
@pytest.mark.usefixtures("cards")
def test_a_network_in_the_wrong_place_is_refused_before_any_is_opened(monkeypatch, guide_model, model, says, do):
    monkeypatch.setattr(session, "find_graph", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(SettingsError) as raised:
        open_session(ComputeOptions(model=model, guide_model=guide_model), RecordedProgress())
    assert says in raised.value.what
    assert do in raised.value.remedy


def test_if_the_second_cannot_be_opened_the_first_is_closed(cards, monkeypatch):
    closed = []
    monkeypatch.setattr(OnnxSession, "close", lambda self: closed.append(self.card.name))
    (cards["told"].directory / "net.onnx").write_bytes(b"")
    with pytest.raises(ModelError):
        open_session(ComputeOptions(model="told", guide_model="whole"), RecordedProgress())
    assert closed == ["whole"]


def test_both_are_closed_whatever_one_does():
    class Closing:
        closed = False

        def close(self):
            self.closed = True
            raise OSError("of no use")

    guide, tiles = Closing(), Closing()
    with pytest.raises(OSError, match="of no use"), Pair(guide, tiles):
        pass
    assert guide.closed
    assert tiles.closed


def test_the_tiles_of_one_with_a_trimap_cannot_add_to_the_guide(cards):
    from tiler.recipe import plan_for
    from tiler.settings import MattingOptions

    card = joined(cards["whole"], cards["told"])
    assert plan_for((600, 600), card, MattingOptions()).shapes[-1] == (96, 96)
    with pytest.raises(SettingsError, match="cannot add to it"):
        plan_for((600, 600), card, MattingOptions(dense_levels=1))


def test_modnet_beside_itself_is_one_network():
    assert card_of(ComputeOptions(guide_model="modnet")) == find_card("modnet")
