from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_presets import MANY
from tiler import settings as settings_module
from tiler.errors import SettingsError
from tiler.options import options_of
from tiler.settings import GROUPS, MattingOptions, Settings, default_threads

ALL = [(group, one) for group, kind in GROUPS.items() for one in options_of(kind)]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("guide_px", 31),
        ("tile_px", 0),
        ("tile_px", 1.5),
        ("tile_px", True),
        ("overlap_px", -1),
        ("threads", 0),
        ("route", "fast"),
        ("precision", "f16"),
        ("detail", "more"),
        ("bits", 12),
        ("dense_levels", -1),
        ("max_pixels", 0),
        ("alpha_only", "yes"),
        ("work_dir", 3),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_option(option, value):
    with pytest.raises(SettingsError, match=f"--{option.replace('_', '-')} is"):
        Settings.of(**{option: value})


@given(st.integers(32, 5000), st.integers(0, 5000))
def test_tiles_may_overlap_by_half_and_no_more(tile_px, overlap_px):
    if 2 * overlap_px <= tile_px:
        assert MattingOptions(tile_px=tile_px, overlap_px=overlap_px).overlap_px == overlap_px
    else:
        with pytest.raises(SettingsError, match=f"{tile_px // 2} or less"):
            MattingOptions(tile_px=tile_px, overlap_px=overlap_px)


def test_settings_are_values():
    assert Settings.of(threads=3) == Settings.of(threads=3)
    assert len({Settings.of(threads=3), Settings.of(threads=3), Settings.of(threads=4)}) == 2


def test_no_two_options_have_one_name_and_each_is_explained():
    names = [one.name for _, one in ALL]
    assert len(names) == len(set(names))
    assert all(one.help.text.endswith(".") for _, one in ALL)
    # A default of None says nothing by itself.
    assert all(one.help.shown for _, one in ALL if one.default is None)


@pytest.mark.parametrize(("group", "option"), ALL, ids=lambda one: getattr(one, "name", one))
def test_every_option_is_in_its_group_and_can_be_set_by_name(group, option):
    value = option.choices[-1] if option.choices else {bool: True, int: 64, str: "x", Path: Path("x")}[option.kind]
    value = (MANY[option.name],) if option.many else value
    settings = Settings.of(**{option.name: value})
    assert getattr(getattr(settings, group), option.name) == value
    unchanged = [one.name for one in fields(Settings) if one.name != group]
    assert all(getattr(settings, name) == getattr(Settings(), name) for name in unchanged)


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(SettingsError, match="Did you mean 'tile_px'"):
        Settings.of(til_px=3)


def test_changing_one_option_keeps_the_others():
    settings = Settings.of(threads=3, bits=16).with_options(threads=4)
    assert (settings.compute.threads, settings.output.bits) == (4, 16)


def test_a_container_with_fewer_processors_has_fewer_threads(monkeypatch):
    present = default_threads()
    monkeypatch.setattr(settings_module, "processors", lambda: 1)
    assert default_threads() == 1
    monkeypatch.setattr(settings_module, "processors", lambda: present + 7)
    assert default_threads() == present
