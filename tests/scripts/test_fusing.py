import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import fusing
from scenes import opened, read_truth
from tests.fakes import RedIsAlpha
from tiler.model.card import find_card
from tiler.settings import Settings

GUIDE_PX = 32


class Counting(RedIsAlpha):
    """Alpha is the red channel, and the size of every question is counted."""

    card = find_card("modnet")

    def __init__(self):
        self.asked = []

    def alpha(self, rgb):
        self.asked.append(rgb.shape[:2])
        return super().alpha(rgb)

    def close(self):
        pass


def wavy_disc(side=120):
    y, x = np.mgrid[:side, :side] - side / 2
    return np.clip((side / 3 + 5 * np.sin(9 * np.arctan2(y, x)) - np.hypot(y, x)) / 2 + 0.5, 0, 1)


@pytest.fixture
def folder(tmp_path):
    """Four pictures whose red channel is their true alpha."""
    truth = np.rint(wavy_disc() * 255).astype(np.uint8)
    for k in range(4):
        turned = np.rot90(truth, k)
        Image.fromarray(np.stack([turned, 255 - turned, turned // 2], axis=-1)).save(tmp_path / f"p{k}.png")
        Image.fromarray(turned).save(tmp_path / f"p{k}_alpha.png")
    return tmp_path


def test_a_cached_network_runs_once_for_each_picture_and_mixes_no_two_up(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, shape).astype(np.float32) for shape in [(8, 6, 3), (6, 8, 3), (8, 6, 3)]]
    network = Counting()
    for _ in range(2):
        cached = fusing.Cached(network, tmp_path)
        for rgb in pictures:
            np.testing.assert_array_equal(cached.alpha(rgb), rgb[..., 0] / np.float32(255))
    assert len(network.asked) == 3


def test_a_network_that_knows_the_truth_makes_the_tile_alone_best_and_the_figures_say_so(folder):
    path, network = folder / "p0.png", Counting()
    with opened(path, network, Settings.of(guide_px=GUIDE_PX)) as picture:
        truth = read_truth(path)
        guide, tile, best = (
            fusing.figures(fusing.solved(picture.scene(name, fuse=method)), truth)
            for name, method in {
                "guide": fusing.guide_enlarged,
                "tile": fusing.tile_alone,
                "truth": fusing.constrained_truth(picture, truth),
            }.items()
        )
    assert all(better < 0.5 * worse for better, worse in zip(tile, guide, strict=True))
    assert all(better <= worse for better, worse in zip(best, guide, strict=True))


@pytest.mark.parametrize("name", [name for name in fusing.METHODS if name != "closed-form"])
def test_every_method_answers_in_0_to_1_and_keeps_the_guide_where_it_is_saturated(name):
    truth = wavy_disc(90).astype(np.float32)
    guide = np.clip(ndimage.gaussian_filter(truth, 3), 0, 1)
    rgb = np.stack([255 * truth, 255 - 255 * truth, 90 + 0 * truth], axis=-1).astype(np.float32)
    alpha = fusing.METHODS[name](truth, guide, rgb, 2.0)
    assert alpha.shape == guide.shape
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert np.abs(alpha - guide)[~fusing.uncertain(guide)].max() < 1e-6
    assert name == fusing.DIVISOR or np.abs(alpha - guide).max() > 0.05


def test_the_table_divides_by_the_guide_and_names_the_worst_picture():
    rows = {"guide": [[0.2, 0.4, 0.8], [0.4, 0.4, 0.8]], "idea": [[0.1, 0.1, 0.8], [0.5, 0.3, 0.4]]}
    *_, row = fusing.table(rows, {"guide": 0.0, "idea": 12.0}, ["cat", "dog"])
    assert row == "| idea | 1.000 | 0.500 | 0.750 | 1.250 | dog | 12 |"


@pytest.mark.parametrize(("half", "names"), [("choose", "02"), ("final", "13"), ("all", "0123")])
def test_one_command_prints_a_table_for_the_pictures_of_a_half(folder, tmp_path, monkeypatch, capsys, half, names):
    monkeypatch.setattr(fusing, "open_model", lambda *_: Counting())
    cache, kept = tmp_path / "cache", tmp_path / "kept"
    words = f"{folder} --guide-px 32 --methods tile --half {half} --cache-dir {cache} --keep {kept}"
    assert fusing.main(words.split()) == 0
    printed = capsys.readouterr().out
    assert f"guide of 32 px, {len(names)} pictures ({half})" in printed
    assert "| tile | 0." in printed
    assert sorted(path.name for path in kept.iterdir()) == [
        f"p{k}-32-{method}.png" for k in names for method in ("guide", "tile")
    ]
