"""A table of a TOML file read into a dataclass: a field that is missing, unknown or of another kind is named."""

import types
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tiler.errors import ModelError


def read_table(path: Path, table: dict[str, Any], kind: type, *, given: dict[str, Any], where: str = "") -> Any:
    """Return the value of the dataclass `kind` that `table`, from the TOML file `path`, describes.

    given: fields that do not come from the file. where: the name of the table, with a dot, in what is said.
    Raises ModelError, naming the field.
    """
    known = [one for one in fields(kind) if one.name not in given]
    names = [one.name for one in known]
    if unknown := sorted(table.keys() - set(names)):
        raise wrong(path, f"there is no field {where + unknown[0]!r}", f"The fields are: {', '.join(names)}.")
    required = [one.name for one in known if one.default is MISSING and one.default_factory is MISSING]
    if missing := [name for name in required if name not in table]:
        raise wrong(path, f"the field {where + missing[0]!r} is missing", "Add it; the cards of tiler show how.")
    hints = get_type_hints(kind)
    values = {name: _value(path, where + name, value, hints[name]) for name, value in table.items()}
    return kind(**values, **given)


def table_of(value: Any, *, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a dataclass as a table that `read_table` understands; what is at its default is left out."""
    table = {}
    for one in fields(value):
        held = getattr(value, one.name)
        if one.name in leave_out or held == one.default:
            continue
        table[one.name] = table_of(held) if is_dataclass(held) else list(held) if isinstance(held, tuple) else held
    return table


def wrong(path: Path, what: str, remedy: str) -> ModelError:
    """Return the error that says what is wrong with the file `path`, and what to do."""
    return ModelError(f"{path}: {what}.", remedy)


def _value(path: Path, name: str, value: Any, hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (one for one in get_args(hint) if one is not types.NoneType)
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise wrong(path, f"{name} is {value!r}", f"Give a table, [{name}].")
        return read_table(path, value, hint, given={}, where=f"{name}.")
    remedy = _remedy(value, hint)
    if remedy is not None:
        raise wrong(path, f"{name} is {value!r}", remedy)
    if get_origin(hint) is tuple:
        return tuple(float(one) if get_args(hint)[0] is float else one for one in value)
    return float(value) if hint is float else value


def _remedy(value: Any, hint: Any) -> str | None:
    """Return what to give instead of `value`, or None if it is of the kind `hint`."""
    if get_origin(hint) is Literal:
        words = ", ".join(f'"{one}"' for one in get_args(hint))
        return None if value in get_args(hint) and isinstance(value, str) else f"Give one of {words}."
    if get_origin(hint) is tuple:
        kind, *rest = get_args(hint)
        many = rest == [Ellipsis]
        fits = isinstance(value, list) and all(_is_a(one, kind) for one in value)
        if fits and (many or len(value) == 1 + len(rest)):
            return None
        return f"Give a list of {'' if many else f'{1 + len(rest)} '}{KINDS[kind][1]}."
    return None if _is_a(value, hint) else f"Give {KINDS[hint][0]}."


def _is_a(value: Any, kind: type) -> bool:
    return type(value) in ((int, float) if kind is float else (kind,))


KINDS: dict[Any, tuple[str, str]] = {
    str: ("a text", "texts"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false"),
}
