"""`tiler matte`: one picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiler.cli import process
from tiler.cli.options import Quiet, takes
from tiler.errors import SettingsError
from tiler.settings import Settings

if TYPE_CHECKING:
    from tiler.report import Report

EXAMPLES = """Examples:

\b
  tiler matte photo.tif -o cutout.tif            straight RGBA, size and depth of the photo
  tiler matte photo.jpg -o alpha.png --alpha-only
  tiler matte photo.tif -o out.tif --model bshm  from ModelScope, 200 MB once
  tiler matte photo.tif -o out.tif --guide-model modnet --model mine   one network for the whole, one for tiles
  tiler matte photo.tif -o cutout.tif --repair --html report.html
  tiler matte photo.tif -o white.jpg --background white
  tiler matte photo.tif -o cutout.tif --edge shrink:1.5
  tiler matte photo.tif -o out.tif --settings studio.toml
"""


@takes("matting", "hints", "compute", "output", "run", "reports")
def command(
    settings: Settings,
    picture: Annotated[
        Path, typer.Argument(help="A picture of any size; `tiler info` says how it is read.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The .tif, .png, .webp, .exr or .zarr to write; it appears complete or not at all."
        ),
    ],
    background: Annotated[
        str | None,
        typer.Option(
            "--background",
            help="Lay the cutout over a colour, a gradient, a picture or the picture's own background, as `tiler "
            "compose` does, and write that; the cutout is kept beside it as NAME.cutout.tif.",
            show_default="none",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Matte PICTURE at its full size.

    Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but the network failed on tiles; 130 stopped (143 by SIGTERM,
    129 by SIGHUP). A stopped run keeps its work beside the output, and the same command continues it.
    """
    before = _identity(output)
    cutout = output if background is None else output.with_name(f"{output.stem}.cutout.tif")
    if background is not None:
        check_composite(picture, cutout, output, background, settings)
    edge = settings.output.edge
    try:
        # What lies behind a cutout is found by its alpha as it is: the edge is changed when the two are put together.
        report = matte(picture, cutout, settings if background is None else settings.with_options(edge=()), quiet)
        if background is not None:
            compose(picture, cutout, output, background, edge, quiet)
    except KeyboardInterrupt as error:
        written = "No output was written." if _identity(output) == before else f"{output} is written."
        error.add_note(f"the same command continues. {written}")
        raise
    if not quiet:
        process.say(summary(report))
    for tile in report.failed_tiles:
        process.say(
            f"tiler: level {tile.level}, tile ({tile.row}, {tile.col}) failed, the guide takes its place: {tile.reason}"
        )
    if report.failed_tiles:
        process.say("tiler: the same command tries these tiles again.")
        raise typer.Exit(3)


def matte(picture: Path, output: Path, settings: Settings, quiet: bool) -> "Report":
    """Run with progress on the terminal and return what happened."""
    from tiler import run
    from tiler.cli import terminal

    process.prepare(settings, output.parent)
    with terminal.progress(quiet) as progress:
        return run.matte(picture, output, settings, process.obeying(progress))


def check_composite(picture: Path, cutout: Path, output: Path, background: str, settings: Settings) -> None:
    """Raise TilerError if the composite cannot be made later."""
    from tiler.composite import check

    if settings.output.alpha_only:
        raise SettingsError("--background needs colours, and --alpha-only writes none.", "Leave one of them out.")
    check(cutout, output, background, picture)


def compose(picture: Path, cutout: Path, output: Path, background: str, edge: tuple[str, ...], quiet: bool) -> None:
    """Lay the cutout over the background, with progress on the terminal."""
    from tiler import composite
    from tiler.cli import terminal

    with terminal.progress(quiet) as progress:
        composite.compose(cutout, output, background, original=picture, edge=edge, progress=process.obeying(progress))


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return what tells a file from the one that takes its place; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns


def summary(report: "Report") -> str:
    """Return in a line or two what was done."""
    height, width = report.shape
    tiles = report.tiles_run + report.tiles_skipped + sum(level.tiles_kept for level in report.levels)
    lines = [
        f"{report.output}: {width} x {height} px, {report.tiles_run} of {tiles} tiles run, "
        f"{sum(report.seconds.values()):.1f} s"
    ]
    for level in report.levels:
        if level.repair is not None and level.repair.above:
            lines.append(f"level {level.level}: {level.repair.summary()}")
    return "\n".join(lines)
