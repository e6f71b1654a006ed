import json
from contextlib import closing
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import tomli_w
from onnx import helper

from tests.fakes import RecordedProgress
from tests.model import contracts, graphs
from tests.model.onnx_graphs import known_alpha, model_of, saved, simple, stand_in
from tests.model.test_onnx_runtime import a_card
from tiler.checksum import sha256_of
from tiler.errors import ModelError
from tiler.model import card as cards_module
from tiler.model.adding import add
from tiler.model.card import find_card, own_home
from tiler.model.contract import Trimap
from tiler.model.session import open_session
from tiler.model.shelf import own_cards, remove
from tiler.model.toml_table import table_of
from tiler.progress import Silent
from tiler.settings import ComputeOptions

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(cards_module, "user_data_path", lambda *_, **__: tmp_path / "data")


def smooth(shape):
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    return (255 * np.stack([0.1 + 0.8 * x, 0.5 + 0 * x, 0.9 - 0.8 * y], -1)).astype(np.float32)


def configured(folder, norm, **more):
    config = {"image_mean": norm["mean"], "image_std": norm["std"], "rescale_factor": 1 / 255, **more}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("layout", "gives", "sides"),
    list(product(["nchw", "nhwc"], ["alpha", "logits", "pixels"], [(None, None), (96, 96)])),
)
def test_a_network_never_seen_before_is_added_and_right(tmp_path, layout, gives, sides):
    """One command, no code: its graph, and what its authors put beside it, say enough."""
    path = saved(tmp_path / "Fresh Net.onnx", stand_in(layout=layout, gives=gives, sides=sides, **HALF))
    configured(tmp_path, HALF)
    card, said, *_ = add(path)
    assert card == find_card("fresh-net")
    assert card.role == ("any" if sides == (None, None) else "guide")
    assert any("preprocessor_config.json" in one for one in said)
    with closing(open_session(ComputeOptions(model="fresh-net", threads=1), RecordedProgress())) as session:
        rgb = smooth((64, 90))
        assert np.abs(session.alpha(rgb) - known_alpha(rgb)).max() < 0.02


def test_without_a_word_of_its_authors_the_usual_is_assumed_and_said(tmp_path):
    card, said, *_ = add(
        saved(tmp_path / "net.onnx", stand_in(**IMAGENET)), licence="MIT", commercial="yes", name="mine"
    )
    assert (card.name, card.licence, card.commercial, card.verified) == ("mine", "MIT", "yes", False)
    assert (card.input.mean, card.input.std) == (IMAGENET["mean"], IMAGENET["std"])
    assert any("ImageNet's mean and std are assumed" in one for one in said)


def test_size_and_multiple_are_those_of_its_authors(tmp_path):
    configured(tmp_path, HALF, size={"shortest_edge": 384}, size_divisibility=64)
    card, *_ = add(saved(tmp_path / "net.onnx", stand_in(**HALF)))
    assert (card.guide_px, card.input.multiple_px) == (384, 64)


def test_what_is_beside_a_padded_picture_is_what_its_authors_say(tmp_path):
    configured(tmp_path, HALF, size_divisibility=64, do_pad=True)
    card, *_ = add(saved(tmp_path / "net.onnx", stand_in(**HALF, whole=True)))
    assert card.input.pad == "zero"
    with closing(open_session(ComputeOptions(model="net", threads=1), RecordedProgress())) as session:
        rgb = contracts.smooth((40, 90))
        exact = contracts.whole_answer(rgb, fit="multiple", multiple=64, pad="zero", mean=HALF["mean"])
        assert np.abs(session.alpha(rgb) - exact).max() < 0.001


def letterboxed(tmp_path, **more):
    """A network with the file that withoutBG puts beside its own."""
    path = saved(tmp_path / "net.onnx", stand_in(sides=(96, 96), whole=True, answer_size=0.75, names=("rgb", "alpha")))
    said = {"canvas_size": 96, "input_name": "rgb", "output_name": "alpha", "sha256": sha256_of(path, Silent()), **more}
    path.with_name("net.onnx.json").write_text(json.dumps({key: one for key, one in said.items() if one is not None}))
    return path


def test_a_file_after_the_name_of_the_graph_says_that_it_takes_a_letterbox(tmp_path):
    configured(tmp_path, HALF)
    card, said, *_ = add(letterboxed(tmp_path))
    assert any("a letterbox of 96 px on black" in one for one in said)
    assert (card.role, card.guide_px) == ("guide", 96)
    with closing(open_session(ComputeOptions(model="net", threads=1), RecordedProgress())) as session:
        rgb = contracts.smooth((80, 60))
        exact = contracts.whole_answer(rgb, fit="letterbox", sides=(96, 96))
        assert np.abs(session.alpha(rgb) - exact)[:-2, :-2].max() < 0.01


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"sha256": "0" * 64}, "not the graph that net.onnx.json describes"),
        ({"canvas_size": None}, "no canvas_size"),
        ({"canvas_size": "96"}, "no canvas_size"),
        ({"pipeline": "routed"}, "several networks"),
    ],
)
def test_a_file_after_the_name_of_the_graph_that_does_not_fit_is_an_error(tmp_path, more, says):
    with pytest.raises(ModelError, match=says):
        add(letterboxed(tmp_path, **more))


def test_a_card_in_a_directory_goes_before_all(tmp_path):
    folder = tmp_path / "mine"
    saved(folder / "net.onnx", stand_in(**IMAGENET))
    card = replace(a_card(folder, dict(IMAGENET)), name="known", guide_px=256)
    (folder / "card.toml").write_text(tomli_w.dumps(table_of(card, leave_out=("directory",))))
    added, *_ = add(folder)
    assert (added.name, added.guide_px, len(added.sha256)) == ("known", 256, 64)


def test_a_directory_with_a_frozen_graph_is_added(tmp_path):
    added, said, *_ = add(graphs.write(tmp_path / "relative", graphs.red_less_half_blue))
    assert (added.name, added.runtime) == ("relative", "tensorflow")
    assert any("bshm's contract" in one for one in said)


def test_what_was_added_may_be_moved_from_where_it_was_and_removed(tmp_path):
    path = saved(tmp_path / "net.onnx", stand_in(**IMAGENET))
    add(path)
    path.unlink()
    assert [card.name for card in own_cards()[0]] == ["net"]
    assert open_session(ComputeOptions(model="net", threads=1), RecordedProgress()).close() is None
    remove("net")
    assert own_cards() == ((), ())
    with pytest.raises(ModelError, match="no model 'net'"):
        find_card("net")


def test_a_graph_that_was_changed_after_it_was_added_is_refused(tmp_path):
    card, *_ = add(saved(tmp_path / "net.onnx", stand_in(**IMAGENET)))
    saved(card.directory / "net.onnx", stand_in(**HALF))
    with pytest.raises(ModelError, match="not the graph that the card"):
        open_session(ComputeOptions(model="net", threads=1), RecordedProgress())


def pp_matting(path):
    return saved(path, stand_in(names=("img", "tmp_75"), **HALF))


def test_a_card_that_comes_without_its_graph_is_added_with_it(tmp_path):
    """By its name alone: the contract, the licence and the checksum are those that tiler knows."""
    with pytest.raises(ModelError, match="on this disk") as raised:
        open_session(ComputeOptions(model="pp-matting", threads=1), RecordedProgress())
    assert "paddle2onnx" in raised.value.remedy
    assert "tiler models add FILE --name pp-matting" in raised.value.remedy
    card, said, *_ = add(pp_matting(tmp_path / "exported.onnx"), name="pp-matting")
    assert "The card of pp-matting comes with tiler." in said
    assert (card.input.tensor, card.output.tensor) == ("img", "tmp_75")
    assert (card.licence, card.verified, card.obtain) == ("Apache-2.0", False, None)
    assert find_card("pp-matting") == card
    with closing(open_session(ComputeOptions(model="pp-matting", threads=1), RecordedProgress())) as session:
        rgb = smooth((64, 90))
        assert np.abs(session.alpha(rgb) - known_alpha(rgb)).max() < 0.02
    remove("pp-matting")
    assert find_card("pp-matting").obtain is not None


def test_a_directory_has_the_graph_of_a_card_that_comes_without_it(tmp_path):
    folder = graphs.write(tmp_path / "copy", graphs.red_less_half_blue)
    card, *_ = add(folder, name="universal-matting")
    assert card == find_card("universal-matting")
    assert card.hub_id is None


@pytest.mark.parametrize("name", [None, "ben2"])
def test_another_graph_than_the_card_of_tiler_describes_is_refused(tmp_path, name):
    path = saved(tmp_path / "BEN2.onnx", stand_in())
    with pytest.raises(ModelError, match="not the graph that the card of ben2") as raised:
        add(path, name=name)
    assert "--name NAME" in raised.value.remedy
    assert add(path, name="my-ben2")[0].name == "my-ben2"


def test_a_broken_card_does_not_hide_the_others(tmp_path):
    add(saved(tmp_path / "net.onnx", stand_in(**IMAGENET)))
    (own_home() / "broken").mkdir()
    (own_home() / "broken" / "card.toml").write_text("name = 3")
    found, (wrong,) = own_cards()
    assert [card.name for card in found] == ["net"]
    assert "broken" in wrong.what


@pytest.mark.parametrize(
    ("name", "says"),
    [("modnet", "comes with tiler"), ("../net", "cannot be called"), ("", "already"), ("net", "already")],
)
def test_a_name_that_will_not_do_is_refused(tmp_path, name, says):
    path = saved(tmp_path / "net.onnx", stand_in(**IMAGENET))
    add(path)
    with pytest.raises(ModelError, match=says):
        add(path, name=name)


@pytest.mark.parametrize(
    ("name", "says"), [("modnet", "comes with tiler"), ("nothing", "no network"), ("..", "no net")]
)
def test_only_what_was_added_is_removed(tmp_path, name, says):
    (tmp_path / "data" / "card.toml").parent.mkdir()
    (tmp_path / "data" / "card.toml").write_text("")
    with pytest.raises(ModelError, match=says):
        remove(name)
    assert (tmp_path / "data" / "card.toml").exists()


def taking(*names):
    return simple(
        helper.make_node("Concat", ["input", *names], ["output"], axis=1),
        more_inputs=[(name, [1, 1, None, None]) for name in names],
    )


def endless():
    """Answers with numbers that are neither an alpha, nor pixels, nor logits."""
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Abs", ["mean"], ["size"]),
        helper.make_node("Mul", ["size", "much"], ["output"]),
    ]
    return model_of(nodes, {"much": np.float32(1e4)}, ("input", [1, 3, None, None]), ("output", [None] * 4))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (taking("trimap"), "takes trimap beside the picture"),
        (taking("image_n", "trimap", "trimap_transformed"), "as FBA does"),
        (taking("r1i", "r2i"), "from one frame of a video to the next"),
        (simple(helper.make_node("Relu", ["input"], ["output"]), given=[1, 3]), "takes no picture"),
        (endless(), "neither an alpha nor logits"),
        (simple(helper.make_node("Anything", ["input"], ["output"], domain="mine")), "Anything of the domain mine"),
        (b"no network", "net.onnx"),
    ],
    ids=["trimap", "four tensors", "video", "no picture", "no alpha", "own operations", "no file"],
)
def test_what_cannot_run_is_not_kept(tmp_path, model, says):
    with pytest.raises(ModelError) as raised:
        add(saved(tmp_path / "net.onnx", model))
    assert says in raised.value.what
    assert own_cards() == ((), ())


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"image_mean": 3}', '{"rescale_factor": 0.1}', '{"image_std": [1, 0, 1]}']
)
def test_a_preprocessor_config_that_is_not_understood_is_an_error(tmp_path, text):
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(ModelError, match=r"preprocessor_config\.json"):
        add(saved(tmp_path / "net.onnx", stand_in(**IMAGENET)))


@pytest.mark.parametrize("files", [[], ["a.onnx", "b.onnx"]])
def test_a_directory_has_to_say_which_network(tmp_path, files):
    (tmp_path / "mine").mkdir()
    for name in files:
        saved(tmp_path / "mine" / name, stand_in())
    with pytest.raises(ModelError, match=f"there are {len(files)} ONNX files"):
        add(tmp_path / "mine")


def test_of_several_answers_the_one_that_is_called_alpha_is_taken_and_said(tmp_path):
    model = stand_in(**IMAGENET, names=("input", "alphas"))
    model.graph.output.insert(0, helper.make_tensor_value_info("share", 1, [None] * 4))
    card, said, *_ = add(saved(tmp_path / "net.onnx", model))
    assert card.output.tensor == "alphas"
    assert "Of its answers, share, alphas, alphas is taken." in said


def test_a_network_with_a_trimap_is_tried_with_that_of_the_portrait(tmp_path):
    (tmp_path / "net").mkdir()
    path = saved(tmp_path / "net" / "net.onnx", stand_in(trimap=(-1, 0, 1)))
    trimap = Trimap(values=(-1, 0, 1))
    card = a_card(path.parent, {"trimap": trimap}, name="told", role="detail", views_px=())
    (path.parent / "card.toml").write_text(tomli_w.dumps(table_of(card, leave_out=("directory",))))
    kept, said, _ = add(path.parent)
    assert (kept.role, kept.kind, find_card("told")) == ("detail", "image+trimap", kept)
    assert any("from 0.00 to 1.00" in sentence for sentence in said), said
