from dataclasses import MISSING, fields

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from tiler.errors import ModelError
from tiler.model.card import ModelCard, cards, find_card, read_card
from tiler.model.contract import Input, Output, Trimap
from tiler.model.toml_table import table_of


def text(without=(), **changes):
    """Return modnet's card as TOML with some fields changed, `input__tensor` in [input], and some left out."""
    table = table_of(find_card("modnet"), leave_out=("directory",))
    for name, value in changes.items():
        half, _, inner = name.partition("__")
        (table[half] if inner else table)[inner or half] = value
    for name in without:
        half, _, inner = name.partition("__")
        (table[half] if inner else table).pop(inner or half, None)
    return tomli_w.dumps(table)


# The fields that a network which is shown tiles and a trimap has otherwise than modnet.
DETAIL = {"role": "detail", "views_px": []}


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path


def test_the_cards_that_come_with_tiler():
    known = {card.name: card for card in cards()}
    bshm, modnet = known["bshm"], known["modnet"]
    assert (bshm.hub_id, bshm.revision) == ("iic/cv_unet_image-matting", "master")
    assert (bshm.guide_px, bshm.tile_px, bshm.overlap_px, bshm.input.fit) == (1024, 1024, 128, "free")
    assert (modnet.guide_px, modnet.tile_px, modnet.overlap_px, modnet.input.multiple_px) == (512, 512, 128, 32)
    for card in (bshm, modnet):
        assert (card.input.tensor, card.output.tensor) == ("input_image:0", "output_png:0")
        assert (card.input.channels, card.output.channel) == ("rgb", 3)


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.name)
def test_what_a_card_says_of_where_its_graph_is_is_enough(card):
    assert card.directory.name == card.name
    assert (card.directory / card.graph).is_file() or card.hub_id or card.url or card.obtain
    assert card.licence
    assert card.source.startswith("https://")


def test_what_is_written_is_what_is_read(tmp_path):
    new = {"name": "mine", "hub_id": "me/mine", "revision": "v1.2", "input__std": [0.5, 1, 2.25]}
    read = read_card(write(tmp_path / "card.toml", text(without=["sha256"], **new)))
    assert (read.name, read.hub_id, read.revision, read.sha256) == ("mine", "me/mine", "v1.2", None)
    assert read.input.std == (0.5, 1.0, 2.25)
    assert read.directory == tmp_path
    again = tomli_w.dumps(table_of(read, leave_out=("directory",)))
    assert read_card(write(tmp_path / "card.toml", again)) == read


@pytest.mark.parametrize("tensor", [None, "trimap"])
def test_a_network_that_takes_a_trimap_is_read_as_written(tmp_path, tensor):
    trimap = {"values": [-1, 0, 1]} | ({"tensor": tensor} if tensor else {})
    read = read_card(write(tmp_path / "card.toml", text(**DETAIL, noise=0, input__trimap=trimap)))
    assert read.input.trimap == Trimap(values=(-1.0, 0.0, 1.0), tensor=tensor)
    assert (read.kind, find_card("modnet").kind, read.noise) == ("image+trimap", "image", 0.0)
    again = tomli_w.dumps(table_of(read, leave_out=("directory",)))
    assert read_card(write(tmp_path / "card.toml", again)) == read


def required(kind):
    return [f.name for f in fields(kind) if f.default is MISSING and f.name != "directory"]


REQUIRED = [
    *required(ModelCard),
    *(f"input__{n}" for n in required(Input)),
    *(f"output__{n}" for n in required(Output)),
]


@given(field=st.sampled_from(REQUIRED))
def test_a_missing_field_is_named(tmp_path_factory, field):
    path = write(tmp_path_factory.mktemp("card") / "card.toml", text(without=[field]))
    with pytest.raises(ModelError, match=f"'{field.replace('__', '.')}' is missing"):
        read_card(path)


@given(field=st.sampled_from([one for one in REQUIRED if one != "verified"]), value=st.sampled_from([True, [], 1.5]))
def test_a_field_of_another_kind_is_named(tmp_path_factory, field, value):
    value = value if "scale" not in field or value != 1.5 else "much"
    path = write(tmp_path_factory.mktemp("card") / "card.toml", text(**{field: value}))
    with pytest.raises(ModelError, match=f"{field.replace('__', '.')} is"):
        read_card(path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"speed": 3}, "no field 'speed'"),
        ({"input__speed": 3}, "no field 'input.speed'"),
        ({"input__channels": "rbg"}, "input.channels is 'rbg'"),
        ({"input__layout": "chw"}, "input.layout is 'chw'"),
        ({"input__multiple_px": 0}, "input.multiple_px is 0"),
        ({"input__multiple_px": 1}, "input.fit is 'multiple' and input.multiple_px 1"),
        ({"input__fit": "square-squash"}, "input.fit is 'square-squash' and input.multiple_px 32"),
        ({"input__pad": "white"}, "input.pad is 'white'"),
        ({"input__fit": "free", "input__multiple_px": 1, "input__pad": "zero"}, "input.pad 'zero'"),
        ({"input__mean": [0.5, 0.5]}, "input.mean is"),
        ({"input__std": [0.5, 0, 0.5]}, "input.mean and input.std are not usable"),
        ({"input__mean": [0.5, float("nan"), 0.5]}, "input.mean and input.std are not usable"),
        ({"input__scale": 2}, "input.scale is 2"),
        ({"output__scale": 0}, "output.scale is 0"),
        ({"output__channel": -1}, "output.channel is -1"),
        ({"output__activation": "tanh"}, "output.activation is 'tanh'"),
        ({"output__stretch": "minmax"}, 'Only the role "guide"'),
        ({"role": "guide"}, "network_levels is 1"),
        ({"runtime": "torch"}, "runtime is 'torch'"),
        ({"commercial": True}, "commercial is True"),
        ({"overlap_px": 257}, "overlap_px is 257"),
        ({"graph": "../elsewhere.pb"}, "elsewhere"),
        ({"views_px": [512, 0]}, "views_px is"),
        ({"views_px": 512}, "views_px is 512"),
        ({"network_levels": -1}, "network_levels is -1"),
        ({"hub_id": "me/mine"}, "hub_id is 'me/mine' and revision None"),
        ({"revision": "master"}, "hub_id is None and revision 'master'"),
        ({"sha256": "89360FD3"}, "sha256 is '89360FD3'"),
        ({"url": "https://example.org/net.onnx"}, "without sha256 and size_bytes"),
        ({"url": "http://example.org/net.onnx", "size_bytes": 3}, "begins with https"),
        ({"hub_id": "me/mine", "revision": "v1", "obtain": "Ask."}, "obtain is there"),
        ({"members": ["net.onnx"]}, "members is there without url"),
        ({"noise": -0.1}, "noise is -0.1"),
        ({"noise": float("nan")}, "noise is nan"),
        ({"role": "detail"}, "views_px is"),
        ({"role": "detail", "views_px": [], "network_levels": 0}, "network_levels is 0"),
        ({"input__trimap": {"values": [0, 0.5, 1]}}, "role is 'any'"),
        ({**DETAIL, "input__trimap": {"values": [0, 1]}}, "input.trimap.values is [0, 1]"),
        ({**DETAIL, "input__trimap": {"values": [0, 1, 1]}}, "three different"),
        ({**DETAIL, "input__trimap": {"values": [0, float("inf"), 1]}}, "three different"),
        ({**DETAIL, "input__trimap": {"values": [0, 1, 2], "tensor": "input_image:0"}}, "that of the picture"),
        ({**DETAIL, "input__trimap": {"tensor": "trimap"}}, "'input.trimap.values' is missing"),
        ({**DETAIL, "input__trimap": "trimap"}, "[input.trimap]"),
    ],
)
def test_a_wrong_value_is_named(tmp_path, changes, says):
    with pytest.raises(ModelError) as raised:
        read_card(write(tmp_path / "card.toml", text(**changes)))
    assert str(tmp_path) in raised.value.what
    assert says in str(raised.value)


@pytest.mark.parametrize("half", ["input", "output"])
def test_the_tensors_of_a_tensorflow_graph_have_to_be_named(tmp_path, half):
    with pytest.raises(ModelError, match="a tensor is not named"):
        read_card(write(tmp_path / "card.toml", text(without=[f"{half}__tensor"])))


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe\x00", b"= 3"])
def test_what_is_not_toml_is_refused(tmp_path, content):
    (tmp_path / "card.toml").write_bytes(content)
    with pytest.raises(ModelError, match="not TOML"):
        read_card(tmp_path / "card.toml")


def test_a_card_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_card(tmp_path / "card.toml")


def test_a_bare_graph_keeps_the_contract_of_bshm(tmp_path):
    (tmp_path / "tf_graph.pb").write_bytes(b"graph")
    card, bshm = find_card(str(tmp_path)), find_card("bshm")
    assert (card.name, card.directory, card.hub_id, card.sha256) == (tmp_path.name, tmp_path, None, None)
    assert (card.input, card.output, card.tile_px) == (bshm.input, bshm.output, bshm.tile_px)


def test_a_card_in_a_directory_goes_before_the_contract_of_bshm(tmp_path):
    (tmp_path / "tf_graph.pb").write_bytes(b"graph")
    write(tmp_path / "card.toml", text(tile_px=768))
    assert find_card(str(tmp_path)).tile_px == 768


def test_an_unknown_model_is_told_the_known_ones(tmp_path):
    for model in ("modnett", str(tmp_path)):
        with pytest.raises(ModelError) as raised:
            find_card(model)
        assert "bshm, inspyrenet, isnet, modnet" in raised.value.remedy
