import base64
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.inspect.test_html import read
from tiler.inspect.network_page import network_html, write_network_html
from tiler.model.card import find_card
from tiler.model.trial import Trial

SHAPE = (40, 32)


@pytest.fixture
def tried():
    y, x = np.mgrid[0 : 1 : SHAPE[0] * 1j, 0 : 1 : SHAPE[1] * 1j].astype(np.float32)
    picture = np.stack([255 * x, 255 * y, 0 * x], -1)
    return Trial(picture=picture, truth=x, alpha=y, mirrored=y[:, ::-1], upside_down=1 - y, same=True)


def pictures(html):
    """The pictures of the page by what they show, as arrays."""
    return {
        attrs["alt"]: np.asarray(Image.open(BytesIO(base64.b64decode(attrs["src"].partition(",")[2]))), float)
        for tag, attrs in read(html).found
        if tag == "img"
    }


def test_it_shows_what_the_network_answers(tried):
    shown = pictures(network_html(find_card("modnet"), tried, ()))
    for name, alpha in (
        ("true alpha", tried.truth),
        ("alpha", tried.alpha),
        ("of the mirror image", tried.mirrored),
        ("upside down", tried.upside_down),
        ("difference from the true alpha", np.minimum(1, 2 * abs(tried.truth - tried.alpha))),
    ):
        assert np.abs(shown[name] - 255 * alpha).mean() < 6, name
    assert shown["The example portrait"].shape == (*SHAPE, 3)


def test_it_says_what_was_found_and_what_the_card_says(tried):
    card = find_card("isnet")
    text = " ".join(read(network_html(card, tried, ("These are logits.", "A <b> in it."))).text)
    for words in (card.title, card.terms, "These are logits.", "A <b> in it.", card.sha256, "256.0", "square-squash"):
        assert words in text, words
    assert f"{tried.off:.3f}" in text


@pytest.mark.parametrize("wrong", [{"same": False}, {"alpha": np.ones(SHAPE, np.float32)}, {}])
def test_what_is_to_be_doubted_is_marked(tried, wrong):
    close = replace(tried, alpha=tried.truth)
    html = network_html(find_card("modnet"), replace(close, **wrong), ())
    (state,) = (attrs["class"] for tag, attrs in read(html).found if "verdict" in attrs.get("class", ""))
    assert state == ("verdict bad" if wrong else "verdict good")


def test_it_is_one_file_that_asks_for_nothing(tried, tmp_path):
    path = tmp_path / "page.html"
    write_network_html(path, find_card("modnet"), tried, ())
    for tag, attrs in read(path.read_text()).found:
        assert tag not in ("link", "iframe", "object")
        assert attrs.get("src", "data:").startswith("data:")
        assert "href" not in attrs
