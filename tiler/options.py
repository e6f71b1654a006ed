"""One option: its name, its default, what it does, the values it can have; and groups of them.

A group is a frozen dataclass whose fields are annotated with `Help`. The command line, presets and the reference are
made from what `options_of` reads there.
"""

from dataclasses import Field, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tiler.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Help:
    """What an option does, one sentence for `--help` and the reference.

    shown: how the default reads, where its value says too little. least: the smallest number it can have.
    """

    text: str
    shown: str | None = None
    least: int | None = None


class Group:
    """A frozen group of options, each checked against its type and its least value."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for one in options_of(type(self)):
            one.check(getattr(self, one.name))


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a group, as the command line and presets need it.

    kind: the type of its values: int, str, bool or Path. choices: the values it can have, if they are few. words: what
    a number may be as well. many: its value is a tuple of such values. optional: None is a value as well, and stands
    for the default that `help.shown` describes.
    """

    name: str
    kind: type
    choices: tuple[Any, ...]
    words: tuple[str, ...]
    many: bool
    optional: bool
    default: Any
    help: Help

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.replace("_", "-")

    def check(self, value: Any) -> None:
        """Raise SettingsError unless `value` is one this option can have."""
        if (value is None and self.optional) or value in self.words:
            return
        if self.many:
            if not isinstance(value, tuple) or not all(isinstance(one, self.kind) for one in value):
                raise SettingsError(f"{self.flag} is {value!r}.", "Give a list of texts.")
        elif self.choices:
            if value not in self.choices:
                raise SettingsError(
                    f"{self.flag} is {value!r}.", f"Choose one of: {', '.join(map(str, self.choices))}."
                )
        elif not isinstance(value, self.kind) or (self.kind is int and isinstance(value, bool)):
            wanted = {int: "a whole number", str: "a text", bool: "true or false", Path: "a path"}[self.kind]
            raise SettingsError(f"{self.flag} is {value!r}.", f"Give {' or '.join([wanted, *self.words])}.")
        elif self.help.least is not None and isinstance(value, int) and value < self.help.least:
            raise SettingsError(f"{self.flag} is {value}.", f"Give a number of at least {self.help.least}.")


def options_of(group: type[Group]) -> tuple[Option, ...]:
    """Return the options of a group, in the order they are listed."""
    if group not in _OPTIONS:
        hints = get_type_hints(group, include_extras=True)
        _OPTIONS[group] = tuple(_option(one, hints[one.name]) for one in fields(group))  # type: ignore[arg-type]
    return _OPTIONS[group]


def nearest(name: str, known: list[str]) -> str:
    """Return a sentence that names the one of `known` that is most like `name`, or all of them."""
    like = get_close_matches(name, known, n=1)
    return f"Did you mean {like[0]!r}?" if like else f"There are: {', '.join(known)}."


_OPTIONS: dict[type[Group], tuple[Option, ...]] = {}


def _option(one: Field[Any], hint: Any) -> Option:
    own, text = get_args(hint)
    many = get_origin(own) is tuple
    parts = get_args(own) if get_origin(own) in (Union, UnionType) else get_args(own)[:1] if many else (own,)
    kind, *words = (part for part in parts if part is not type(None))
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    return Option(
        name=one.name,
        kind=type(choices[0]) if choices else kind,
        choices=choices,
        many=many,
        words=get_args(words[0]) if words else (),
        optional=type(None) in parts,
        default=one.default,
        help=text,
    )
