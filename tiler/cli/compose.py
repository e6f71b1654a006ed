"""`tiler compose`: a cutout over a new background."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tiler.cli.options import Quiet, takes

EXAMPLES = """Examples:

\b
  tiler compose cutout.tif -o white.jpg --background white
  tiler compose cutout.tif -o green.png --background '#00b140'
  tiler compose cutout.tif -o beach.tif --background beach.jpg
  tiler compose cutout.tif -o white.jpg --background white --edge shrink:1 --edge feather:0.7
"""


@takes()
def command(
    cutout: Annotated[Path, typer.Argument(help="A picture with alpha, as `tiler matte` writes.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The .tif, .png, .jpg, .webp, .exr or .zarr to write; it appears complete or not at all.",
        ),
    ],
    background: Annotated[
        str, typer.Option("--background", help="A colour, such as white or '#00b140', or a picture.")
    ],
    fit: Annotated[
        Literal["cover", "contain", "tile"],
        typer.Option("--fit", help="How a picture fills the frame: cut to cover it, in it before black, or repeated."),
    ] = "cover",
    gamma: Annotated[
        bool, typer.Option("--gamma", help="Mix the samples as they are, as many editors do, and not their light.")
    ] = False,
    edge: Annotated[
        list[str] | None,
        typer.Option(
            "--edge",
            help="shrink:PX, feather:PX or choke:A,B, as for `tiler matte`. Repeatable, done in the order given.",
            show_default="as it is",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Lay CUTOUT over a new background, at its full size, depth and in its profile."""
    from tiler.cli import process, terminal
    from tiler.composite import compose

    process.prepare(beside=output.parent)
    with terminal.progress(quiet) as progress:
        compose(cutout, output, background, fit=fit, gamma=gamma, edge=edge or (), progress=process.obeying(progress))
