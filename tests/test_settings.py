import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.errors import SettingsError
from tiler.settings import Settings


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("guide_px", 31),
        ("tile_px", 0),
        ("overlap_px", -1),
        ("threads", 0),
        ("route", "fast"),
        ("precision", "f16"),
        ("detail", "more"),
        ("bits", 12),
        ("dense_levels", -1),
        ("max_pixels", 0),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_option(option, value):
    with pytest.raises(SettingsError, match=option.replace("_", "-")):
        Settings(**{option: value})


@given(st.integers(32, 5000), st.integers(0, 5000))
def test_tiles_may_overlap_by_half_and_no_more(tile_px, overlap_px):
    if 2 * overlap_px <= tile_px:
        assert Settings(tile_px=tile_px, overlap_px=overlap_px).overlap_px == overlap_px
    else:
        with pytest.raises(SettingsError, match=f"{tile_px // 2} or less"):
            Settings(tile_px=tile_px, overlap_px=overlap_px)


def test_settings_are_values():
    assert Settings(threads=3) == Settings(threads=3)
    assert len({Settings(threads=3), Settings(threads=3), Settings(threads=4)}) == 2
