"""`tiler info`: how a picture is read."""

from pathlib import Path
from typing import Annotated

import typer

from tiler.cli.options import takes

EXAMPLES = "Example: tiler info photo.tif"


@takes()
def command(picture: Annotated[Path, typer.Argument(help="A picture of any kind.", show_default=False)]) -> None:
    """Print how PICTURE is read: kind, size, depth, colours, metadata."""
    from tiler.cli import process
    from tiler.image.info import describe

    process.prepare()
    print(describe(picture))
