"""`tiler`: the commands, each from its own file."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from tiler.cli import batch, compose, estimate, info, matte, models, seams
from tiler.cli.options import GroupedCommand
from tiler.cli.process import own_process, stopped_by

app = typer.Typer(
    name="tiler",
    help="Matte portraits of any size: seamless, full-resolution alpha on a laptop or a cluster.",
    epilog="Try: tiler matte photo.tif -o cutout.tif",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for name, module in {
    "matte": matte,
    "batch": batch,
    "compose": compose,
    "seams": seams,
    "estimate": estimate,
    "info": info,
}.items():
    app.command(name, cls=GroupedCommand, epilog=module.EXAMPLES)(module.command)
app.add_typer(models.app, name="models")


def main() -> None:
    """Run the command line."""
    own_process()
    try:
        app()
    except SystemExit:
        # A stop that came before the command began, or while it told what had become of it.
        if (number := stopped_by()) is not None:
            sys.exit(128 + number)
        raise


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"tiler {version('tiler-matting')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None: ...
