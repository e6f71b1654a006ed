"""Settings in a TOML file: one table for each group, one key for each option that is not at its default."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from tiler.atomic import atomic_file
from tiler.errors import SettingsError, TilerError
from tiler.options import Option, nearest, options_of
from tiler.settings import GROUPS, Settings

HEADER = "# Options for tiler: `tiler matte PICTURE -o OUTPUT --settings THIS-FILE`.\n"


def read_preset(path: Path) -> Settings:
    """Return the settings in the TOML file `path`; an option that it does not name is at its default.

    Raises SettingsError that names the file, the table and the key that is unknown or has a wrong value.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}.", "Check the name of --settings.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: this is not TOML: {error}.", "Correct the file at that place.") from error
    values: dict[str, Any] = {}
    for group, table in tables.items():
        if group not in GROUPS:
            raise SettingsError(f"{path}: there is no group [{group}].", nearest(group, list(GROUPS)))
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: {group} is not a table.", f"Write [{group}] and its options below it.")
        known = {one.name: one for one in options_of(GROUPS[group])}
        for name, value in table.items():
            if name not in known:
                raise SettingsError(f"{path}: there is no option {name!r} in [{group}].", nearest(name, list(known)))
            values[name] = _from_toml(known[name], value)
    try:
        return Settings.of(**values)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error.what}", error.remedy) from error


def write_preset(path: Path, settings: Settings) -> None:
    """Write the options of `settings` that are not at their defaults into the TOML file `path`.

    Raises SettingsError if `path` is there already and is no preset, OutputError if the disk refuses.
    """
    if path.exists():
        try:
            read_preset(path)
        except TilerError as error:
            raise SettingsError(
                f"{path}: this file is there already, and is no preset.", "Name another file for --save-settings."
            ) from error
    tables = {group: _changed(getattr(settings, group)) for group in GROUPS}
    text = HEADER + tomli_w.dumps({group: table for group, table in tables.items() if table})
    with atomic_file(path) as file:
        file.write(text.encode())


def _from_toml(option: Option, value: Any) -> Any:
    if option.kind is Path and isinstance(value, str):
        return Path(value)
    return tuple(value) if option.many and isinstance(value, list) else value


def _changed(group: Any) -> dict[str, Any]:
    values = {one.name: (getattr(group, one.name), one.default) for one in options_of(type(group))}
    return {
        name: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for name, (value, default) in values.items()
        if value != default
    }
