"""One network for the guide and another for the tiles, from file to file."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import tiler
from tests.fakes import ColourKey, RecordedProgress
from tests.test_run import Fake
from tiler import arrays, subject
from tiler.errors import SettingsError
from tiler.estimate import estimate
from tiler.model import pair
from tiler.model.card import find_card
from tiler.model.contract import Trimap
from tiler.model.pair import Pair, joined
from tiler.sidecar import is_done, sidecar_of

MODNET = find_card("modnet")
TOLD = replace(
    MODNET,
    name="told",
    role="detail",
    input=replace(MODNET.input, trimap=Trimap(values=(0.0, 0.5, 1.0))),
    views_px=(),
    network_levels=None,
    noise=0.02,
)
SIZES = {"guide_px": 64, "tile_px": 64, "overlap_px": 16, "threads": 2}
TWO = tiler.Settings.of(model="told", guide_model="modnet", **SIZES)
ALONE = tiler.Settings.of(model="told", **SIZES)


class GuideOnly(Fake):
    """Sees the base in its views, and fails if it is shown a tile of the levels above."""

    sha256 = "1" * 64

    def __init__(self):
        self.asked = 0

    def alpha(self, rgb):
        assert rgb.shape[:2] != (64, 64), "a guide was shown a tile"
        self.asked += 1
        return super().alpha(rgb)


class Told(Fake):
    """Needs a trimap; after so many tiles it is interrupted, as by Ctrl-C."""

    card = TOLD

    def __init__(self, tiles=10_000):
        self.left = tiles

    def alpha(self, rgb, hint):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return np.where(hint == 0.5, ColourKey().alpha(rgb), hint).astype(np.float32)


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.setattr(subject, "card_of", lambda compute: TOLD if compute.guide_model is None else TWO_CARD)
    y, x = np.mgrid[:300, :400]
    red = np.clip((0.35 - np.hypot(y - 150, x - 200) / 300) * 12 + 0.5, 0, 1) * 255
    path = tmp_path / "photo.png"
    Image.fromarray(np.stack([red, 255 - red, red // 2], axis=-1).astype(np.uint8)).save(path)
    return path


TWO_CARD = joined(MODNET, TOLD)


def test_a_run_says_which_network_made_the_guide_and_is_done_with_both(photo, tmp_path):
    output = tmp_path / "out.png"
    guide = GuideOnly()
    report = tiler.matte(photo, output, TWO, model=Pair(guide, Told()))
    assert guide.asked > 1
    assert (report.model.name, report.model.sha256) == ("told", Told.sha256)
    assert (report.guide_model.name, report.guide_model.sha256) == ("modnet", "1" * 64)
    kept = json.loads(sidecar_of(output).read_text())
    assert kept["recipe"]["guide model graph_sha256"] == "1" * 64
    assert kept["guide_model"]["name"] == "modnet"
    assert is_done(photo, output, TWO, Pair(GuideOnly(), Told()))
    other = GuideOnly()
    other.sha256 = "2" * 64
    assert not is_done(photo, output, TWO, Pair(other, Told()))
    assert not is_done(photo, output, TWO, Told())


def test_stopped_and_continued_it_gives_the_bytes_of_the_straight_run(photo, tmp_path):
    straight, stopped = tmp_path / "straight.png", tmp_path / "stopped.png"
    told, guide = Told(), GuideOnly()
    tiler.matte(photo, straight, TWO, model=Pair(guide, told))
    tiles = 10_000 - told.left
    for after in (1, tiles // 2):
        with pytest.raises(KeyboardInterrupt):
            tiler.matte(photo, stopped, TWO, model=Pair(GuideOnly(), Told(after)))
    last = GuideOnly()
    other = GuideOnly()
    other.sha256 = "2" * 64
    with pytest.raises(tiler.TilerError, match="guide model graph_sha256"):
        tiler.matte(photo, stopped, TWO, model=Pair(other, Told()))
    tiler.matte(photo, stopped, TWO, model=Pair(last, Told()))
    assert stopped.read_bytes() == straight.read_bytes()
    assert last.asked == 0


def test_a_network_for_detail_needs_a_guide_and_is_told_what_makes_one(photo, tmp_path, monkeypatch):
    monkeypatch.setattr(subject, "open_session", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(SettingsError, match="told is shown tiles alone") as raised:
        tiler.matte(photo, tmp_path / "out.png", ALONE)
    assert "--guide-model modnet" in raised.value.remedy
    assert "--guide FILE" in raised.value.remedy
    with pytest.raises(SettingsError, match="told is shown tiles alone"):
        tiler.alpha(np.zeros((80, 80, 3), np.uint8), ALONE, model=Told())


def test_a_guide_of_ones_own_does_for_a_network_for_detail(photo, tmp_path):
    small = tmp_path / "guide.png"
    Image.fromarray(np.asarray(Image.open(photo))[..., 0]).resize((100, 75)).save(small)
    told = Told()
    tiler.matte(photo, tmp_path / "out.png", ALONE.with_options(guide=small, alpha_only=True), model=told)
    assert told.left < 10_000
    found = np.asarray(Image.open(tmp_path / "out.png")) / 255
    assert np.abs(found - ColourKey().alpha(np.asarray(Image.open(photo)).astype(np.float32))).mean() < 0.02


def test_a_guide_of_ones_own_and_a_network_for_it_are_one_too_many(photo, tmp_path):
    with pytest.raises(SettingsError, match="--guide and --guide-model"):
        tiler.matte(photo, tmp_path / "out.png", TWO.with_options(guide=photo))


def test_arrays_and_estimates_take_two_networks(photo, tmp_path, monkeypatch):
    opened = []

    def open_two(compute, _progress):
        opened.append((compute.model, compute.guide_model))
        return Pair(GuideOnly(), Told())

    for module in (arrays, subject):
        monkeypatch.setattr(module, "open_session", open_two)
    tiler.matte(photo, tmp_path / "out.png", TWO.with_options(alpha_only=True, bits=16))
    found = tiler.alpha(Image.open(photo), TWO)
    np.testing.assert_allclose(found, np.asarray(Image.open(tmp_path / "out.png")) / 65535, atol=1e-4)
    assert estimate(photo, TWO, RecordedProgress()).tile_s > 0
    assert opened == [("told", "modnet")] * 3


def test_the_card_of_two_is_known_before_any_is_opened(monkeypatch):
    monkeypatch.setattr(pair, "find_card", {"told": TOLD, "modnet": MODNET}.__getitem__)
    assert pair.card_of(TWO.compute) == TWO_CARD
    assert pair.card_of(ALONE.compute) == TOLD
