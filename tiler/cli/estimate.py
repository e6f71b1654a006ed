"""`tiler estimate`: what a run will take."""

from pathlib import Path
from typing import Annotated

import typer

from tiler.cli.options import Quiet, takes
from tiler.settings import Settings

EXAMPLES = "Example: tiler estimate scan.tif --tile-px 1024"


@takes("matting", "hints", "compute", "run")
def command(
    settings: Settings,
    picture: Annotated[Path, typer.Argument(help="A picture of any size.", show_default=False)],
    quiet: Quiet = False,
) -> None:
    """Print what matting PICTURE would take: levels, tiles, time, memory, disk.

    The picture is read once and its smallest size matted. How many tiles will run and how long that takes is an
    estimate, from a few tiles timed on this machine.
    """
    from tiler.cli import process, terminal
    from tiler.estimate import estimate

    process.prepare(settings)
    with terminal.progress(quiet) as progress:
        found = estimate(picture, settings, process.obeying(progress))
    print(found.table())
