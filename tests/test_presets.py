from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.errors import SettingsError
from tiler.options import options_of
from tiler.presets import read_preset, write_preset
from tiler.settings import GROUPS, Settings

KINDS = {
    bool: st.booleans(),
    int: st.integers(64, 10**6),
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    Path: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20).map(Path),
}
# A value of each option that is given as often as one likes.
MANY = {"roi": "1,2,3,4", "edge": "choke:0.1,0.9"}


@st.composite
def settings(draw):
    """Any settings whose tile and overlap fit each other."""
    values = {}
    for one in (one for kind in GROUPS.values() for one in options_of(kind)):
        choices = st.sampled_from(one.choices) if one.choices else KINDS[one.kind]
        choices = choices | st.sampled_from(one.words) if one.words else choices
        choices = st.lists(st.just(MANY[one.name]), max_size=2).map(tuple) if one.many else choices
        values[one.name] = draw(st.none() | choices if one.optional else choices)
    return Settings.of(**{**values, "overlap_px": None})


@given(settings())
def test_what_is_saved_is_what_is_read(tmp_path_factory, settings):
    path = tmp_path_factory.mktemp("preset") / "p.toml"
    write_preset(path, settings)
    assert read_preset(path) == settings


def test_defaults_are_left_out(tmp_path):
    write_preset(tmp_path / "p.toml", Settings.of(tile_px=768))
    lines = (tmp_path / "p.toml").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == ["[matting]", "tile_px = 768"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[matting]\ntil_px = 3\n", ["'til_px'", "[matting]", "Did you mean 'tile_px'"]),
        ("[mating]\n", ["[mating]", "Did you mean 'matting'"]),
        ("[matting]\ntile_px = 'big'\n", ["--tile-px is 'big'", "a whole number"]),
        ("[output]\nbits = 12\n", ["--bits is 12", "8, 16"]),
        ("tile_px = 3\n", ["[tile_px]"]),
        ("matting = 3\n", ["matting is not a table"]),
        ("[matting\n", ["not TOML"]),
        ("[output]\ntile_px = 64\n", ["'tile_px'", "[output]"]),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path, text, says):
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        read_preset(path)
    for words in ["p.toml", *says]:
        assert words in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        read_preset(tmp_path / "nowhere.toml")


def test_a_preset_replaces_a_preset_and_nothing_else(tmp_path):
    path = tmp_path / "p.toml"
    write_preset(path, Settings.of(tile_px=768))
    write_preset(path, Settings.of(tile_px=512))
    assert read_preset(path).matting.tile_px == 512
    path.write_text("shopping: milk")
    with pytest.raises(SettingsError, match="no preset"):
        write_preset(path, Settings())
    assert path.read_text() == "shopping: milk"
