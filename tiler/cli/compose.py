"""`tiler compose`: a cutout over a new background."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tiler.cli import process
from tiler.cli.options import Quiet, takes
from tiler.errors import SettingsError

if TYPE_CHECKING:
    from tiler.batch.composing import Compose
    from tiler.progress import Progress

EXAMPLES = """Examples:

\b
  tiler compose cutout.tif -o white.jpg --background white
  tiler compose cutout.tif -o green.png --background '#00b140'
  tiler compose cutout.tif -o beach.tif --background beach.jpg --offset 0,-200
  tiler compose cutout.tif -o studio.tif --background 'gradient:#fff,#999'
  tiler compose cutout.tif -o depth.tif --background blur:60 --original photo.tif
  tiler compose cutout.tif -o dusk.tif --background dusk.jpg --light-wrap 0.5 --match-light 0.3
  tiler compose cutouts -o shop --background white --suffix .jpg
  tiler compose cutout.tif -o white.jpg --background white --edge shrink:1 --edge feather:0.7
"""


@takes()
def command(
    cutout: Annotated[
        Path,
        typer.Argument(help="A picture with alpha, as `tiler matte` writes; or a folder of them.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The .tif, .png, .jpg, .webp, .exr or .zarr to write; it appears complete or not at all. For a "
            "folder, a folder.",
        ),
    ],
    background: Annotated[
        str,
        typer.Option(
            "--background",
            help="A colour, such as white or '#00b140'; gradient:FROM,TO or gradient:FROM,TO,DEGREES (0 upwards, 90 to "
            "the right); blur:RADIUS or original, made of the background that --original has; or a picture.",
        ),
    ],
    fit: Annotated[
        Literal["cover", "contain", "tile"],
        typer.Option("--fit", help="How a picture fills the frame: cut to cover it, in it before black, or repeated."),
    ] = "cover",
    offset: Annotated[
        str,
        typer.Option(
            "--offset", metavar="X,Y", help="Move a picture by X to the right and Y down, in pixels of the cutout."
        ),
    ] = "0,0",
    original: Annotated[
        Path | None,
        typer.Option(
            "--original", help="The picture of which the cutout was made; a folder for a folder.", show_default="none"
        ),
    ] = None,
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
    light_wrap: Annotated[
        float,
        typer.Option("--light-wrap", help="How much of the background's light comes around the edge, 0 to 1."),
    ] = 0.0,
    match_light: Annotated[
        float,
        typer.Option(
            "--match-light",
            help="How far the mean and the contrast of the subject move towards the background's, 0 to 1; half as far "
            "deep inside.",
        ),
    ] = 0.0,
    suffix: Annotated[str, typer.Option(help="Of a folder: what to write.")] = ".tif",
    name: Annotated[
        str, typer.Option(help="Of a folder: name of an output without its ending; {name} is a.png, {stem} is a.")
    ] = "{stem}",
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Of a folder: make again what is there already; it is skipped otherwise."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Lay CUTOUT over a new background, at its full size, depth and in its profile.

    Of a folder, what fails is listed and stops nothing else. Exit codes: 0 done; 1 failed; 2 wrong usage.
    """
    from tiler.cli import terminal
    from tiler.composite import compose

    def one(cutout: Path, output: Path, original: Path | None, progress: "Progress") -> None:
        compose(
            cutout,
            output,
            background,
            fit=fit,
            offset=right_down,
            original=original,
            gamma=gamma,
            edge=edge or (),
            light_wrap=light_wrap,
            match_light=match_light,
            progress=progress,
        )

    right_down = _offset(offset)
    process.prepare(beside=output.parent)
    with terminal.progress(quiet) as shown:
        progress = process.obeying(shown)
        if cutout.is_dir():
            _folder(cutout, output, (suffix, name), original, one, progress, overwrite=overwrite)
        else:
            one(cutout, output, original, progress)


def _folder(
    cutouts: Path,
    output: Path,
    naming: tuple[str, str],
    original: Path | None,
    one: "Compose",
    progress: "Progress",
    *,
    overwrite: bool,
) -> None:
    """Compose every cutout of a folder; exit with 1 if any failed."""
    from tiler import batch
    from tiler.batch.guarded import make_folder
    from tiler.image.write.formats import OPAQUE_FORMATS

    if naming[0] not in OPAQUE_FORMATS:
        raise SettingsError(f"--suffix is {naming[0]!r}.", f"Choose one of: {', '.join(OPAQUE_FORMATS)}.")
    if output.resolve() == cutouts.resolve():
        raise SettingsError(f"{output}: the results would lie among the cutouts.", "Name another folder with -o.")
    items = batch.find_items(cutouts, output, batch.Naming(*naming))
    make_folder(output)
    results = []
    for result in batch.compose_all(
        items,
        one,
        lambda label: batch.Labelled(progress, label),
        into=output,
        originals=original,
        overwrite=overwrite,
    ):
        results.append(result)
        if said := batch.sentence(result):
            progress.note(said)
    process.say(batch.table(results) if results else f"{cutouts}: nothing was found to compose.")
    if any(result.failed for result in results):
        raise typer.Exit(1)


def _offset(text: str) -> tuple[int, int]:
    """Return X,Y as two whole numbers."""
    parts = text.split(",")
    try:
        right, down = map(int, parts)
    except ValueError:
        raise SettingsError(f"--offset is {text!r}.", "Give two whole numbers: --offset 120,-40.") from None
    return right, down
