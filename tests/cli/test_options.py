from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.testing import CliRunner

from tiler.cli import batch, estimate, matte, seams
from tiler.cli.options import GroupedCommand, takes
from tiler.errors import InputError
from tiler.options import options_of
from tiler.settings import GROUPS, Settings


def flags_of(command):
    """Every option that a command takes, by its flag."""
    declared = [get_args(hint)[1] for hint in command.__annotations__.values()]
    # Where options are declared in Annotated, Typer keeps the flag in the place of the default.
    return {str(one.default).split("/")[0] for one in declared}


def flags_of_groups(*groups):
    return {one.flag for group in groups for one in options_of(GROUPS[group])}


def test_batch_takes_every_option_that_matte_does():
    every = flags_of_groups(*GROUPS)
    assert every <= flags_of(matte.command)
    assert every <= flags_of(batch.command)


@pytest.mark.parametrize("command", [estimate.command, seams.command])
def test_commands_that_write_no_picture_take_no_output_options(command):
    assert flags_of_groups("matting", "compute", "run") <= flags_of(command)
    assert not flags_of_groups("output") & flags_of(command)


@pytest.fixture
def tool():
    """An app whose one command keeps the settings it was given."""
    given = []
    app = typer.Typer(rich_markup_mode=None)

    @app.command(cls=GroupedCommand)
    @takes(*GROUPS)
    def command(settings: Settings, name: str = "x") -> None:
        if name == "bad":
            raise InputError("bad: cannot be read.", "Name another.")
        given.append(settings)

    return lambda *words: (CliRunner().invoke(app, list(map(str, words))), given)


def test_what_is_given_is_what_arrives(tool):
    done, (settings,) = tool("--tile-px", 768, "--alpha-only", "--no-wrap", "--route", "dense", "--work-dir", "here")
    assert done.exit_code == 0, done.output
    assert settings == Settings.of(tile_px=768, alpha_only=True, wrap=False, route="dense", work_dir=Path("here"))


def test_nothing_given_is_the_defaults(tool):
    _, (settings,) = tool()
    assert settings == Settings()


def test_a_preset_is_taken_and_what_is_given_goes_before_it(tool, tmp_path):
    tool("--tile-px", 768, "--alpha-only", "--bits", 16, "--save-settings", tmp_path / "p.toml")
    done, given = tool("--settings", tmp_path / "p.toml", "--no-alpha-only", "--tile-px", 512)
    assert done.exit_code == 0, done.output
    assert given[-1] == Settings.of(tile_px=512, bits=16)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--tile-px", "1"], 2, "--tile-px is 1"),
        (["--bits", "12"], 2, "8, 16"),
        (["--settings", "nowhere.toml"], 2, "nowhere.toml"),
        (["--name", "bad"], 1, "tiler: bad: cannot be read.\nName another."),
    ],
)
def test_an_error_is_a_paragraph_and_an_exit_code(tool, words, code, says):
    done, given = tool(*words)
    assert (done.exit_code, given) == (code, [])
    assert says in done.stderr
    assert "Traceback" not in done.output


def test_help_has_a_section_for_each_group(tool):
    done, _ = tool("--help")
    for heading in ("Guide and detail:", "Network and machine:", "Output:", "Run:", "Reports:"):
        assert heading in done.output
    assert done.output.index("Guide and detail:") < done.output.index("--tile-px") < done.output.index("Output:")
