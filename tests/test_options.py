"""Options are read from the groups, and each is checked against its type, its words and its least value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest

from tiler.errors import SettingsError
from tiler.options import Group, Help, nearest, options_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Kitchen(Group):
    size: Annotated[int, Help("Size.", least=2)] = 3
    count: Annotated[int | Literal["all"], Help("Count.", least=1)] = "all"
    colour: Annotated[Literal["red", "blue"], Help("Colour.")] = "red"
    names: Annotated[tuple[str, ...], Help("Names.")] = ()
    place: Annotated[Path | None, Help("Place.", shown="none")] = None
    warm: Annotated[bool, Help("Warm.")] = False


def test_everything_is_read_from_the_field():
    size, count, colour, names, place, warm = options_of(Kitchen)
    assert (size.flag, size.kind, size.default, size.help.least) == ("--size", int, 3, 2)
    assert (count.kind, count.words, colour.choices) == (int, ("all",), ("red", "blue"))
    assert (names.many, names.kind, place.optional, place.kind) == (True, str, True, Path)
    assert warm.kind is bool


@pytest.mark.parametrize("values", [{"size": 2}, {"count": 1}, {"count": "all"}, {"names": ("a",)}, {"place": None}])
def test_values_it_can_have_are_taken(values):
    assert {name: getattr(Kitchen(**values), name) for name in values} == values


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"size": 1}, "at least 2"),
        ({"size": True}, "a whole number"),
        ({"count": "some"}, "a whole number or all"),
        ({"count": 0}, "at least 1"),
        ({"colour": "green"}, "red, blue"),
        ({"names": "a"}, "a list of texts"),
        ({"place": "here"}, "a path"),
        ({"warm": 1}, "true or false"),
    ],
)
def test_others_are_refused_with_what_to_give(values, says):
    with pytest.raises(SettingsError, match=says):
        Kitchen(**values)


def test_the_nearest_name_is_offered_or_all():
    assert nearest("colour", ["color", "size"]) == "Did you mean 'color'?"
    assert nearest("xyz", ["color", "size"]) == "There are: color, size."
