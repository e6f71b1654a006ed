import pytest
from typer.testing import CliRunner

from tests.model.onnx_graphs import saved, stand_in
from tiler.cli.main import app
from tiler.model import card


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(card, "user_data_path", lambda *_, **__: tmp_path / "data")


def tiler(*words):
    done = CliRunner().invoke(app, ["models", *map(str, words)])
    return done.exit_code, done.output


def test_a_network_is_added_listed_checked_and_removed(tmp_path):
    path = saved(tmp_path / "net.onnx", stand_in(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)))
    code, said = tiler("add", path, "--licence", "MIT", "--commercial", "yes", "--html", tmp_path / "add.html")
    assert code == 0, said
    assert "ImageNet's mean and std are assumed" in said
    assert "--model net" in said
    assert "mean and std are assumed" in (tmp_path / "add.html").read_text()
    code, said = tiler()
    assert code == 0
    assert "\n  net.onnx\n  Licence of its weights: MIT; commercial use is allowed." in said
    (row,) = (line for line in said.splitlines() if line.startswith("net "))
    assert " ".join(row.split()) == "net any commercial use: yes not verified here"
    code, said = tiler("check", "net", "--html", tmp_path / "check.html")
    assert code == 0, said
    assert "<title>net: a network tried" in (tmp_path / "check.html").read_text()
    for words in (
        "fit multiple",
        "takes image,",
        "noise not measured",
        "Its graph is fit for tiles.",
        "It answers the same twice.",
    ):
        assert words in said
    assert tiler("remove", "net")[0] == 0
    assert "\n  net.onnx\n" not in tiler()[1]


def test_a_card_that_was_added_with_its_graph_is_listed_once(tmp_path):
    half = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    assert "then: tiler models add FILE --name pp-matting" in tiler()[1]
    code, said = tiler("add", saved(tmp_path / "exported.onnx", stand_in(**half)), "--name", "pp-matting")
    assert code == 0, said
    (row,) = (line for line in tiler()[1].splitlines() if line.startswith("pp-matting "))
    assert row.split()[-3:] == ["not", "verified", "here"]


@pytest.mark.parametrize("words", [("add", "nothing.onnx"), ("check", "nothing"), ("remove", "modnet")])
def test_a_mistake_is_a_paragraph_and_an_exit_code(words):
    code, said = tiler(*words)
    assert code == 1
    assert said.startswith("tiler: ")
    assert "Traceback" not in said
