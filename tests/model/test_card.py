from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.errors import ModelError
from tiler.model.card import OPTIONAL, ModelCard, cards, find_card, read_card


def text(**changes):
    """Return modnet's card as TOML with some fields changed, or left out where None."""
    card = find_card("modnet")
    table = {f.name: getattr(card, f.name) for f in fields(card) if f.name != "directory"} | changes
    written = {str: lambda v: f"'{v}'", int: str, tuple: lambda v: str(list(v))}
    lines = [f"{k} = {written[type(v)](v)}" for k, v in table.items() if v is not None]
    return "\n".join(lines)


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path


def test_the_cards_that_come_with_tiler():
    bshm, modnet = cards()
    assert (bshm.name, modnet.name) == ("bshm", "modnet")
    assert (bshm.hub_id, bshm.revision) == ("iic/cv_unet_image-matting", "master")
    assert modnet.hub_id is None
    assert (bshm.guide_px, bshm.tile_px, bshm.overlap_px, bshm.multiple_px) == (1024, 1024, 128, 1)
    assert (modnet.guide_px, modnet.tile_px, modnet.overlap_px, modnet.multiple_px) == (512, 512, 128, 32)
    for card in cards():
        assert (card.input_tensor, card.output_tensor) == ("input_image:0", "output_png:0")
        assert (card.channels, card.alpha_channel) == ("rgb", 3)


def test_what_is_written_is_what_is_read(tmp_path):
    read = read_card(write(tmp_path / "card.toml", text(name="mine", hub_id="me/mine", revision="v1.2", sha256=None)))
    assert (read.name, read.hub_id, read.revision, read.sha256) == ("mine", "me/mine", "v1.2", None)
    assert read.directory == tmp_path
    assert read.tile_px == find_card("modnet").tile_px


REQUIRED = [f.name for f in fields(ModelCard) if f.name not in ("directory", *OPTIONAL)]


@given(field=st.sampled_from(REQUIRED))
def test_a_missing_field_is_named(tmp_path_factory, field):
    path = write(tmp_path_factory.mktemp("card") / "card.toml", text(**{field: None}))
    with pytest.raises(ModelError, match=f"'{field}' is missing"):
        read_card(path)


@given(field=st.sampled_from(REQUIRED), value=st.sampled_from(["true", "1.5", "[]"]))
def test_a_field_of_another_kind_is_named(tmp_path_factory, field, value):
    path = write(tmp_path_factory.mktemp("card") / "card.toml", text(**{field: None}) + f"\n{field} = {value}\n")
    with pytest.raises(ModelError, match=f"{field} is"):
        read_card(path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"speed": 3}, "no field 'speed'"),
        ({"channels": "rbg"}, "channels is 'rbg'"),
        ({"multiple_px": 0}, "multiple_px is 0"),
        ({"alpha_channel": -1}, "alpha_channel is -1"),
        ({"overlap_px": 257}, "overlap_px is 257"),
        ({"graph": "../elsewhere.pb"}, "elsewhere"),
        ({"views_px": (512, 0)}, "views_px is"),
        ({"views_px": 512}, "views_px is 512"),
        ({"network_levels": -1}, "network_levels is -1"),
        ({"hub_id": "me/mine"}, "hub_id is 'me/mine' and revision None"),
        ({"revision": "master"}, "hub_id is None and revision 'master'"),
        ({"sha256": "89360FD3"}, "sha256 is '89360FD3'"),
    ],
)
def test_a_wrong_value_is_named(tmp_path, changes, says):
    with pytest.raises(ModelError, match=says) as raised:
        read_card(write(tmp_path / "card.toml", text(**changes)))
    assert str(tmp_path) in raised.value.what


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
    assert (card.input_tensor, card.tile_px, card.multiple_px) == (bshm.input_tensor, bshm.tile_px, bshm.multiple_px)


def test_a_card_in_a_directory_goes_before_the_contract_of_bshm(tmp_path):
    (tmp_path / "tf_graph.pb").write_bytes(b"graph")
    write(tmp_path / "card.toml", text(tile_px=768))
    assert find_card(str(tmp_path)).tile_px == 768


def test_an_unknown_model_is_told_the_known_ones(tmp_path):
    for model in ("modnett", str(tmp_path)):
        with pytest.raises(ModelError) as raised:
            find_card(model)
        assert "bshm, modnet" in raised.value.remedy
