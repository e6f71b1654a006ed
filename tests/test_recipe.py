import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recipes import a_recipe
from tiler.core.plan import make_plan
from tiler.errors import SettingsError
from tiler.model.card import ModelCard, find_card
from tiler.options import options_of
from tiler.recipe import GuideNetwork, Recipe, plan_for, shaping_versions, tiling_of
from tiler.settings import ComputeOptions, MattingOptions, OutputOptions, RunOptions

CARD = find_card("modnet")
# A value for each option and each field of a card that is not its present one.
OTHER = {int: lambda value: (value or 0) + 1, bool: lambda value: not value, str: lambda value: f"{value}x"}


def other(value, kind):
    return 7 if kind is int and isinstance(value, str) else OTHER[kind](value)


@pytest.mark.parametrize("name", [one.name for one in fields(Recipe)])
def test_every_part_has_a_say(name):
    """Law: two recipes without differences are equal, so a change of any field is a difference."""
    changed = {
        "source_sha256": "c" * 64,
        "card": replace(CARD, output=replace(CARD.output, tensor="other:0")),
        "graph_sha256": "c" * 64,
        "precision": "bf16",
        "device": "gpu",
        "plan": make_plan((901, 1200), guide_px=128, tile_px=256, overlap_px=64),
        "matting": MattingOptions(route="dense"),
        "guide": GuideNetwork(CARD, "b" * 64, "f32", "cpu"),
        "hints": (("trimap sha256", "c" * 64),),
        "output": OutputOptions(alpha_only=True),
        "versions": (("numpy", "2.3"), ("tiler-matting", "0.1.0")),
    }
    assert a_recipe().differences(a_recipe()) == ()
    assert a_recipe(**{name: changed[name]}).differences(a_recipe()) != ()


@pytest.mark.parametrize("field", [one for one in fields(ModelCard) if one.compare], ids=lambda one: one.name)
def test_every_field_of_a_card_has_a_say_but_where_it_lies(field):
    value = getattr(CARD, field.name)
    card = replace(CARD, **{field.name: value + 1 if isinstance(value, int) else f"{value}x"})
    (first, *_) = a_recipe(card=card).differences(a_recipe())
    assert field.name in first.name or field.name in ("guide_px", "tile_px", "overlap_px")
    assert a_recipe(card=replace(CARD, directory=Path("elsewhere"))).differences(a_recipe()) == ()


@pytest.mark.parametrize("name", [one.name for one in fields(GuideNetwork)])
def test_every_part_of_a_network_for_the_guide_has_a_say(name):
    guide = GuideNetwork(CARD, "b" * 64, "f32", "cpu")
    other = replace(CARD, input=replace(CARD.input, mean=(1.0, 2.0, 3.0))) if name == "card" else "x"
    (first, *_) = a_recipe(guide=replace(guide, **{name: other})).differences(a_recipe(guide=guide))
    assert first.name == ("guide model card.input.mean" if name == "card" else f"guide model {name}")


@pytest.mark.parametrize("option", options_of(MattingOptions), ids=lambda one: one.name)
def test_every_option_of_guide_and_detail_has_a_say(option):
    """Sizes by way of the tiling, the join by way of the plan, all others as they are."""
    values = {"guide_px": 640, "tile_px": 1024, "overlap_px": 32, "wrap": True}
    value = values.get(option.name, next((c for c in option.choices if c != option.default), None))
    if value is None:
        value = other(option.default, option.kind)
    matting = MattingOptions(**{option.name: value})
    shape = (4000, 5000)

    def recipe(matting):
        return a_recipe(plan=plan_for(shape, CARD, matting, wraps=bool(matting.wrap)), matting=matting)

    assert any(one.name == option.flag for one in recipe(matting).differences(recipe(MattingOptions())))


def test_the_edge_of_an_output_shapes_it():
    shrunk, plain = (a_recipe(output=OutputOptions(edge=edge)) for edge in (("shrink:1",), ()))
    assert [one.name for one in shrunk.differences(plain)] == ["--edge"]


@given(st.text(), st.text(min_size=1, max_size=5))
def test_what_was_written_and_read_back_does_not_differ(sha256, version):
    recipe = a_recipe(source_sha256=sha256, versions=(("tiler-matting", version),))
    assert recipe.differences(json.loads(json.dumps(recipe.parts()))) == ()


def test_a_difference_names_the_part_and_both_values():
    (one,) = a_recipe(precision="bf16").differences(a_recipe())
    assert str(one) == "precision f32 -> bf16"
    (gone,) = a_recipe().differences({**a_recipe().parts(), "version of rawpy": "0.28"})
    assert (gone.name, gone.before, gone.now) == ("version of rawpy", "0.28", None)


def test_what_has_no_say_cannot_get_in():
    """Threads, cluster, work folder and progress are in no type that a recipe holds."""
    held = {one.name for kind in (Recipe, MattingOptions, OutputOptions, ModelCard) for one in fields(kind)}
    assert not held & {one.name for kind in (ComputeOptions, RunOptions) for one in fields(kind)} - {
        "precision",
        "device",
    }


def test_asking_for_what_the_card_says_is_no_difference():
    asked = MattingOptions(guide_px=CARD.guide_px, tile_px=CARD.tile_px, overlap_px=CARD.overlap_px)
    assert a_recipe(matting=asked).differences(a_recipe()) == ()


def test_an_overlap_too_large_for_the_models_tiles_is_refused():
    with pytest.raises(SettingsError, match="256 or less"):
        tiling_of(CARD, MattingOptions(overlap_px=300))


def test_small_tiles_take_a_small_overlap():
    assert tiling_of(CARD, MattingOptions(tile_px=128)).overlap_px == 32


def test_versions_hold_every_reader_and_libvips_itself():
    names = [name for name, _ in shaping_versions()]
    assert {"libvips", "tiler-matting", "tensorflow", "zarr", "imagecodecs"} <= set(names)
    assert names == sorted(names)
