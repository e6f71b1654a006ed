import json

import numpy as np
import pytest
from PIL import Image

import score
from tests.fakes import RedIsAlpha
from tests.test_run import Fake


class KnowsTruth(Fake):
    """The red channel, which is the true alpha of the pictures here."""

    def alpha(self, rgb):
        return RedIsAlpha().alpha(rgb)


def wavy_disc(side=120):
    y, x = np.mgrid[:side, :side] - side / 2
    return np.clip((side / 3 + 5 * np.sin(9 * np.arctan2(y, x)) - np.hypot(y, x)) / 2 + 0.5, 0, 1)


@pytest.fixture
def folder(tmp_path):
    """Four pictures whose red channel is their true alpha."""
    truth = np.rint(wavy_disc() * 255).astype(np.uint8)
    (tmp_path / "pictures").mkdir()
    for k in range(4):
        turned = np.rot90(truth, k)
        Image.fromarray(np.stack([turned, 255 - turned, turned // 2], axis=-1)).save(tmp_path / f"pictures/p{k}.png")
        Image.fromarray(turned).save(tmp_path / f"pictures/p{k}_alpha.png")
    return tmp_path / "pictures"


def run(monkeypatch, *words):
    monkeypatch.setattr(score, "open_session", lambda *_: KnowsTruth())
    monkeypatch.setattr("sys.argv", ["score.py", *map(str, words)])
    assert score.main() == 0


def test_with_a_network_that_knows_the_truth_tiles_are_exact_and_no_way_is_worse_than_shrinking(
    folder, tmp_path, monkeypatch, capsys
):
    found = tmp_path / "score.json"
    ways = ["tiles", "tiler", "truth"]
    run(monkeypatch, folder, "--guide-px", 32, "--ways", *ways, "--json", found, "--keep", tmp_path / "kept")
    for figures in json.loads(found.read_text())["pictures"].values():
        assert list(figures) == ["shrink", *ways]
        assert figures["tiles"]["MAD"] < 1e-4
        for name in ("MAD", "MSE band", "Grad", "Conn"):
            assert figures["tiler"][name] < figures["shrink"][name]
            assert figures["truth"][name] < figures["shrink"][name]
    assert len(list((tmp_path / "kept").iterdir())) == 4 * 4
    assert "tiler / shrink 0." in capsys.readouterr().out


def test_halves_have_no_picture_in_common_and_leave_none_out(folder, tmp_path, monkeypatch):
    seen = {}
    for half in score.HALVES:
        run(monkeypatch, folder, "--guide-px", 32, "--half", half, "--ways", "shrink", "--json", tmp_path / half)
        seen[half] = set(json.loads((tmp_path / half).read_text())["pictures"])
    assert not seen["choose"] & seen["final"]
    assert seen["choose"] | seen["final"] == seen["all"]
    assert len(seen["all"]) == 4


def test_the_table_divides_by_the_first_way_and_names_the_worst_picture():
    def figures(*values):
        return dict(zip(("MAD", "Grad"), values, strict=True))

    results = {
        "cat.jpg": {"shrink": figures(0.2, 0.8), "idea": figures(0.1, 0.8)},
        "dog.jpg": {"shrink": figures(0.4, 0.8), "idea": figures(0.5, 0.4)},
    }
    *_, ratios, _, worst = score.table(results).splitlines()
    assert ratios == "| idea / shrink | 1.000 | 0.750 |"
    assert worst == "worst picture by MAD: dog.jpg, idea / shrink 1.250"
