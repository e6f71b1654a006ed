"""The cards that come with tiler, each held to its contract by a stand-in of the same interface.

A stand-in computes a known alpha from what it is fed as the real network's authors specify it, written here a second
time and not read from the card.
"""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto

import tiler
from tests.fakes import RecordedProgress
from tests.model import graphs
from tests.model.contracts import CONTRACTS, IMAGENET, smooth, whole_answer
from tests.model.onnx_graphs import known_alpha, saved, stand_in
from tiler.errors import ModelError, SettingsError
from tiler.model.card import cards
from tiler.model.onnx_runtime import OnnxSession
from tiler.model.tensorflow_runtime import TensorFlowSession
from tiler.model.views import network_levels_of
from tiler.recipe import plan_for
from tiler.settings import MattingOptions

CARDS = {card.name: card for card in cards()}
SHAPES = ((90, 70), (45, 120))
# What of a contract is not in the graph.
NOT_BUILT = ("fit", "multiple", "pad", "square", "answers_half")


def model_of(contract, **changes):
    """Return the ONNX stand-in of a contract."""
    like = {key: value for key, value in contract.items() if key not in NOT_BUILT}
    half = {"answer_dtype": TensorProto.FLOAT16} if contract.get("answers_half") else {}
    return stand_in(whole=True, **like | half | changes)


def opened(folder, name, given=None, said=None, model=None):
    """Return a session of the card `name`, with some fields changed, and the stand-in of its contract."""
    card = CARDS[name]
    wrong_input, wrong_output = replace(card.input, **given or {}), replace(card.output, **said or {})
    card = replace(card, sha256=None, views_px=(), input=wrong_input, output=wrong_output)
    if card.runtime == "tensorflow":
        path = graphs.write(folder / "graph", graphs.whole) / "tf_graph.pb"
        return closing(TensorFlowSession(card, path, precision="f32", threads=1))
    path = saved(folder / card.graph, model or model_of(CONTRACTS[name]))
    return closing(OnnxSession(card, path, progress=RecordedProgress()))


def expected(rgb, contract):
    keys = ("fit", "multiple", "pad", "sides", "mean", "scale")
    alpha = whole_answer(rgb, **{key: contract[key] for key in keys if key in contract})
    return np.where(hint_of(rgb) == 0.5, alpha, hint_of(rgb)) if "trimap" in contract else alpha


def hint_of(rgb):
    """A trimap that knows the right and the left quarter."""
    return np.rint(np.linspace(0, 2, rgb.shape[1], dtype=np.float32))[None].repeat(len(rgb), 0) / 2


def asked(session, rgb):
    return session.alpha(rgb, hint_of(rgb)) if session.card.input.trimap else session.alpha(rgb)


def test_every_card_has_its_contract_here():
    assert set(CARDS) == set(CONTRACTS)


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_network_is_fed_and_understood_as_its_authors_specify(tmp_path, name):
    contract = CONTRACTS[name]
    side = contract.get("square") or contract.get("sides", (None,))[0]
    assert side in (None, CARDS[name].guide_px)
    with opened(tmp_path, name) as session:
        for shape in SHAPES[: 1 if side == 2048 else 2]:
            rgb = smooth(shape)
            limit = 0.004 if contract["fit"] == "squash" else 0.001
            assert np.abs(asked(session, rgb) - expected(rgb, contract)).max() < limit
        if session.card.role == "detail":
            return
        rgb = smooth(SHAPES[0])
        through_the_engine = tiler.alpha(np.rint(rgb).astype(np.uint8), model=session)
        assert np.abs(through_the_engine - expected(rgb, contract)).max() < 0.008


def wrongs(card):
    """Return what may be wrong in `card`: fields of its input, and of its output."""
    scale = card.input.scale
    given = [{"channels": "bgr"}, {"mean": (0.1 * scale,) * 3}, {"std": (0.7 * scale,) * 3}, {"scale": 3.0 * scale}]
    said = [
        {"scale": 3.0 * card.output.scale},
        {"activation": "none" if card.output.activation != "none" else "sigmoid"},
    ]
    one_size = card.input.fit == "square-squash"
    given.append({"fit": "square-letterbox" if one_size else "square-squash", "multiple_px": 1})
    if card.input.fit == "multiple":
        given += [{"multiple_px": 2 * card.input.multiple_px}, {"pad": "black"}, {"pad": "edge"}]
    if card.input.trimap:
        given += [{"trimap": replace(card.input.trimap, values=values)} for values in ((0, 128, 255), (-1, 0, 1))]
    if card.input.layout == "nchw":
        given.append({"layout": "nhwc"})
    if card.output.channel:
        said.append({"channel": 0})
    return [(one, {}) for one in given] + [({}, one) for one in said]


@pytest.mark.parametrize("name", CONTRACTS)
def test_whatever_a_card_says_wrong_changes_the_answer(tmp_path, name):
    """The stand-ins hold a card to its contract only if each part of it has a say; small ones show that as well."""
    contract = CONTRACTS[name]
    if contract.get("sides"):
        contract = {**contract, "sides": (64, 64)}
    rgb = smooth((40, 70))
    model = None if CARDS[name].runtime == "tensorflow" else model_of(contract)

    def off(given, said):
        try:
            with opened(tmp_path, name, given, said, model) as session:
                return np.abs(asked(session, rgb) - expected(rgb, contract)).max()
        except ModelError:
            return 1.0

    limit = 0.01 if contract["fit"] == "squash" else 0.001
    assert off({}, {}) < limit
    assert [wrong for wrong in wrongs(CARDS[name]) if off(*wrong) < 2 * limit] == []


@pytest.mark.parametrize("card", [card for card in cards() if card.role == "guide"], ids=lambda card: card.name)
def test_a_guide_is_not_shown_tiles(card):
    assert network_levels_of(card, "all") == network_levels_of(card, "auto") == 0
    assert plan_for((4000, 3000), card, MattingOptions(network_levels=0))
    for options in ({"network_levels": 1}, {"network_levels": "all"}, {"dense_levels": 1}):
        with pytest.raises(SettingsError, match=f"{card.name} is a guide"):
            plan_for((4000, 3000), card, MattingOptions(**options))


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.name)
def test_the_licence_is_said_with_what_it_allows(card):
    assert card.licence in card.terms
    assert card.terms.endswith(
        {
            "yes": "commercial use is allowed.",
            "no": "commercial use is not allowed.",
            "not known": "commercial use is not known to be allowed.",
        }[card.commercial]
    )


class Counting:
    """A session that counts what it is shown."""

    def __init__(self, session):
        self.session, self.shapes = session, []

    def __getattr__(self, name):
        return getattr(self.session, name)

    def alpha(self, rgb):
        self.shapes.append(rgb.shape[:2])
        return self.session.alpha(rgb)


def test_a_guide_sees_the_picture_once_and_colours_sharpen_it(tmp_path):
    given = replace(CARDS["u2netp"].input, tensor="input")
    said = replace(CARDS["u2netp"].output, tensor="output")
    card = replace(CARDS["u2netp"], sha256=None, input=given, output=said, guide_px=96, tile_px=128, overlap_px=32)
    path = saved(tmp_path / card.graph, stand_in(sides=(96, 96), **IMAGENET))
    rgb = smooth((384, 480)).astype(np.uint8)
    with closing(OnnxSession(card, path, progress=RecordedProgress())) as session:
        counting = Counting(session)
        found = tiler.alpha(rgb, model=counting)
    assert counting.shapes == [(96, 120)]
    assert np.abs(np.asarray(found, np.float32) - known_alpha(rgb.astype(np.float32))).max() < 0.05
