"""Commands from option groups: the options are generated, so that no command spells them out."""

import functools
import inspect
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperArgument, TyperCommand

from tiler.cli import process
from tiler.errors import SettingsError, TilerError
from tiler.options import Option, options_of
from tiler.presets import read_preset, write_preset
from tiler.settings import GROUPS, Settings

HEADINGS = {
    "matting": "Guide and detail",
    "hints": "What is known beforehand",
    "compute": "Network and machine",
    "output": "Output",
    "run": "Run",
    "reports": "Reports",
}
PRESET = {
    "settings_file": Annotated[
        Path | None,
        typer.Option("--settings", help="Take options from this TOML file; those given here go before it."),
    ],
    "save_settings": Annotated[
        Path | None, typer.Option("--save-settings", help="Write the options of this command into a TOML file as well.")
    ],
}
DEBUG = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors and results only.")]


class GroupedCommand(TyperCommand):
    """A command whose help has a section for each group of options."""

    # Typer has its own copy of Click in some versions, and Click itself in others: no type of either can be named.
    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if (record := param.get_help_record(ctx)) is not None:
                heading = getattr(param, "rich_help_panel", None) or "Options"
                heading = "Arguments" if isinstance(param, TyperArgument) else heading
                sections.setdefault(str(heading), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def takes(*groups: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for a command that takes the options of `groups`, as one argument `settings`.

    Every command also takes --debug, and one with groups takes presets. An error of the user's ends the process with a
    paragraph and an exit code.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters
        options = [(group, one) for group in groups for one in options_of(GROUPS[group])]
        hints: dict[str, Any] = {name: one.annotation for name, one in own.items() if name != "settings"}
        defaults = {name: one.default for name, one in own.items()}
        hints |= {one.name: _hint(one, HEADINGS[group]) for group, one in options}
        hints |= PRESET if groups else {}
        hints |= {"debug": DEBUG}

        @functools.wraps(command)
        def run(**given: Any) -> None:
            with plain_errors(debug=given.pop("debug")):
                if groups:
                    chosen = {one.name: given.pop(one.name) for _, one in options}
                    given["settings"] = _settings(chosen, given.pop("settings_file"), given.pop("save_settings"))
                command(**given)

        parameters = [_parameter(name, defaults, hint) for name, hint in hints.items()]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = hints
        return run

    return decorate


@contextmanager
def plain_errors(*, debug: bool) -> Iterator[None]:
    """Turn errors that a user can put right into a paragraph and an exit code.

    2 for usage; 128 and the number of the signal for a stop, 130 for Ctrl-C; 141, as SIGPIPE gives it, if nobody reads
    what is printed; else 1.
    """
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except TilerError as error:
        if debug:
            traceback.print_exc()
        process.say(f"tiler: {error}")
        raise typer.Exit(2 if isinstance(error, SettingsError) else 1) from None
    except KeyboardInterrupt as error:
        process.say("; ".join(["tiler: stopped", *getattr(error, "__notes__", [])]))
        raise typer.Exit(128 + (process.stopped_by() or signal.SIGINT)) from None
    except OSError as error:
        if debug:
            traceback.print_exc()
        process.abandon(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise typer.Exit(141) from None
        process.say(f"tiler: {error}.\nThe system refused it; --debug shows where.")
        raise typer.Exit(1) from None


def _settings(chosen: dict[str, Any], preset: Path | None, save: Path | None) -> Settings:
    settings = read_preset(preset) if preset else Settings()
    settings = settings.with_options(
        **{name: _value(value) for name, value in chosen.items() if value not in (None, [])}
    )
    if save:
        write_preset(save, settings)
    return settings


def _value(given: Any) -> Any:
    return tuple(given) if isinstance(given, list) else given


def _hint(option: Option, heading: str) -> Any:
    """Return the annotation that makes Typer take `option`; None means that it was not given."""
    flags = f"{option.flag}/--no-{option.flag[2:]}" if option.kind is bool else option.flag
    kind: Any = Literal[option.choices] if option.choices and option.kind is str else option.kind
    kind = list[kind] if option.many else kind
    shown = option.help.shown
    if shown is None and option.kind is not bool:
        shown = str(option.default)
    declared = typer.Option(
        flags,
        help=option.help.text,
        show_default=shown or False,
        rich_help_panel=heading,
        parser=_number_or_word if option.words else None,
        metavar="|".join(["N", *option.words]) if option.words else None,
    )
    return Annotated[kind | None, declared]


def _number_or_word(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _parameter(name: str, defaults: dict[str, Any], hint: Any) -> inspect.Parameter:
    default = defaults.get(name, False if name == "debug" else None)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
