"""Words on the command line, made into Settings, a run, and a report."""

import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn, cast

import typer

from tiler.errors import OutputError, SettingsError, TilerError
from tiler.settings import MOST_PIXELS, Compression, Precision, Route, Settings, default_threads

app = typer.Typer(
    name="tiler",
    help="Matte portraits of any size: seamless, full-resolution alpha on a laptop.",
    epilog="Try: tiler matte photo.tif -o cutout.tif",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

MATTE_EXAMPLES = """Examples:

\b
  tiler matte photo.tif -o cutout.tif            straight RGBA, size and depth of the photo
  tiler matte photo.jpg -o alpha.png --alpha-only
  tiler matte photo.tif -o out.tif --model bshm  from ModelScope, 200 MB once
  tiler matte photo.tif -o out.tif --report run.json --quiet
"""


@app.command(epilog=MATTE_EXAMPLES)
def matte(
    picture: Annotated[
        Path, typer.Argument(help="A picture of any size; `tiler info` says how it is understood.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The .tif, .png, .webp, .exr or .zarr to write; appears complete or not at all."
        ),
    ],
    model: Annotated[
        str, typer.Option(help="A name that `tiler models` lists, or a directory with a graph.")
    ] = "modnet",
    comfort_px: Annotated[
        int | None, typer.Option(help="Short side of the small picture that the network sees first.")
    ] = None,
    tile_px: Annotated[int | None, typer.Option(help="Side of a tile.")] = None,
    overlap_px: Annotated[int | None, typer.Option(help="Least overlap of neighbouring tiles.")] = None,
    route: Annotated[
        Route, typer.Option(help="auto: only tiles that the small picture leaves uncertain; dense: all.")
    ] = "auto",
    precision: Annotated[
        Precision, typer.Option(help="auto: bf16 where the processor has it; f32 refuses it; bf16 insists.")
    ] = "auto",
    threads: Annotated[int | None, typer.Option(help="Tiles in flight at once.", show_default="all processors")] = None,
    alpha_only: Annotated[bool, typer.Option("--alpha-only", help="Write the alpha alone, in grey.")] = False,
    bits: Annotated[int | None, typer.Option(help="8 or 16 bits a channel.", show_default="as the picture")] = None,
    premultiplied: Annotated[
        bool, typer.Option("--premultiplied", help="Multiply the colours by the alpha (TIFF, Zarr).")
    ] = False,
    compression: Annotated[Compression, typer.Option(help="Of a TIFF.")] = "deflate",
    pyramid: Annotated[bool, typer.Option("--pyramid", help="Write a TIFF's smaller sizes into it as well.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write what happened as JSON.")] = None,
    wrap: Annotated[
        bool | None,
        typer.Option("--wrap/--no-wrap", help="Left and right ends meet.", show_default="as the panorama says"),
    ] = None,
    dense_levels: Annotated[
        int, typer.Option(help="Levels above the small picture that may add people it was too small to show.")
    ] = 0,
    max_pixels: Annotated[int, typer.Option(help="Refuse pictures that say they have more.")] = MOST_PIXELS,
    work_dir: Annotated[
        Path | None, typer.Option(help="Where scratch files may lie meanwhile.", show_default="the system's")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Matte PICTURE at its full size."""
    with _speaking_plainly(debug):
        settings = Settings(
            model=model,
            comfort_px=comfort_px,
            tile_px=tile_px,
            overlap_px=overlap_px,
            route=route,
            precision=precision,
            threads=default_threads() if threads is None else threads,
            alpha_only=alpha_only,
            bits=cast(Any, bits),
            premultiplied=premultiplied,
            compression=compression,
            pyramid=pyramid,
            wrap=wrap,
            dense_levels=dense_levels,
            max_pixels=max_pixels,
            work_dir=work_dir,
        )
        _matte(picture, output, settings, report, quiet)


@app.command()
def info(
    picture: Annotated[Path, typer.Argument(help="A picture of any kind.", show_default=False)],
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Say how PICTURE is understood: kind, size, depth, colours, metadata."""
    with _speaking_plainly(debug):
        from tiler.image.info import describe

        print(describe(picture))


@app.command()
def models() -> None:
    """List the networks: where they come from, their licence, and whether they are on this disk."""
    from tiler.model.card import cards
    from tiler.model.hub import status

    for card in cards():
        print(f"{card.name}\n  {card.title}\n  licence: {card.licence}\n  source:  {card.source}\n  {status(card)}")


def main() -> None:
    """Run the command line; SIGTERM ends it as cleanly as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    app()


def _matte(picture: Path, output: Path, settings: Settings, report_path: Path | None, quiet: bool) -> None:
    """Run, write the report if one is wanted, and say in a line what was done."""
    from tiler import terminal
    from tiler.run import matte as run

    if report_path is not None and not report_path.absolute().parent.is_dir():
        raise OutputError(f"{report_path}: there is no such directory.", "Make it, or name another place for --report.")
    with terminal.progress(quiet) as progress:
        report = run(picture, output, settings, progress)
    if report_path is not None:
        try:
            report_path.write_text(report.to_json(), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{report_path}: {error.strerror}.", "Name another place for --report.") from error
    if not quiet:
        height, width = report.shape
        tiles = report.tiles_run + report.tiles_skipped
        print(
            f"{output}: {width} x {height} px, {report.tiles_run} of {tiles} tiles run, "
            f"{sum(report.seconds.values()):.1f} s",
            file=sys.stderr,
        )


@contextmanager
def _speaking_plainly(debug: bool) -> Iterator[None]:
    """Turn errors that a user can mend into a paragraph and an exit code: 2 for usage, 130 for Ctrl-C, else 1."""
    try:
        yield
    except TilerError as error:
        if debug:
            traceback.print_exc()
        print(f"tiler: {error}", file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, SettingsError) else 1) from None
    except KeyboardInterrupt:
        print("tiler: stopped. Nothing was written.", file=sys.stderr)
        raise typer.Exit(130) from None


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
