"""Words on the command line, made into Settings, a run, and a report."""

import functools
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn, cast

import typer

from tiler.errors import OutputError, SettingsError, TilerError
from tiler.settings import MOST_PIXELS, Compression, Detail, Precision, Route, Settings, default_threads

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


SEAMS_EXAMPLES = """Examples:

\b
  tiler matte photo.tif -o cutout.tif --seams look.npz --html page.html
  tiler seams look.npz                           which places are the worst
  tiler seams photo.tif --limit 8                for scripts: exit code 1 if any is above 8 of 255
  tiler seams cutout.tif.tiler                   of a run that was stopped, or is still at work
"""


BATCH_EXAMPLES = """Examples:

\b
  tiler batch scans -o mattes --suffix .png      whatever is not done yet
  tiler batch tonight.txt -o mattes --jobs 2     the pictures that a list names
  tiler batch inbox -o mattes --watch            as they arrive, until Ctrl-C
"""


# Options that several commands take.
ModelName = Annotated[str, typer.Option(help="A name that `tiler models` lists, or a directory with a graph.")]
GuidePx = Annotated[int | None, typer.Option(help="Short side of the small picture that the network sees first.")]
TilePx = Annotated[int | None, typer.Option(help="Side of a tile.")]
OverlapPx = Annotated[int | None, typer.Option(help="Least overlap of neighbouring tiles.")]
PrecisionChoice = Annotated[
    Precision, typer.Option(help="auto: bf16 where the processor has it; f32 refuses it; bf16 insists.")
]
Threads = Annotated[int | None, typer.Option(help="Tiles in flight at once.", show_default="all processors")]
Wrap = Annotated[
    bool | None, typer.Option("--wrap/--no-wrap", help="Left and right ends meet.", show_default="as the panorama says")
]
AlphaOnly = Annotated[bool, typer.Option("--alpha-only", help="Write the alpha alone, in grey.")]
Bits = Annotated[int | None, typer.Option(help="8 or 16 bits a channel.", show_default="as the picture")]
WorkDir = Annotated[Path | None, typer.Option(help="Where scratch files may lie meanwhile.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


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
    model: ModelName = "modnet",
    guide_px: GuidePx = None,
    tile_px: TilePx = None,
    overlap_px: OverlapPx = None,
    route: Annotated[
        Route, typer.Option(help="auto: only tiles that the small picture leaves uncertain; dense: all.")
    ] = "auto",
    precision: PrecisionChoice = "auto",
    threads: Threads = None,
    alpha_only: AlphaOnly = False,
    bits: Bits = None,
    premultiplied: Annotated[
        bool, typer.Option("--premultiplied", help="Multiply the colours by the alpha (TIFF, Zarr).")
    ] = False,
    compression: Annotated[Compression, typer.Option(help="Of a TIFF.")] = "deflate",
    pyramid: Annotated[bool, typer.Option("--pyramid", help="Write a TIFF's smaller sizes into it as well.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write what happened as JSON.")] = None,
    wrap: Wrap = None,
    detail: Annotated[
        Detail, typer.Option(help="network: tiles sharpen it; none: the small alpha enlarged, for a quick look.")
    ] = "network",
    dense_levels: Annotated[
        int, typer.Option(help="Levels above the small picture that may add people it was too small to show.")
    ] = 0,
    max_pixels: Annotated[int, typer.Option(help="Refuse pictures that say they have more.")] = MOST_PIXELS,
    cluster: Annotated[
        str | None, typer.Option(help="Dask scheduler, tcp://host:8786; or local:N, N processes here.")
    ] = None,
    work_dir: Annotated[
        Path | None, typer.Option(help="Where scratch files may lie meanwhile.", show_default="the output's")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over instead of continuing a stopped run.")] = False,
    mend: Annotated[
        bool, typer.Option("--mend", help="Run the tiles along bad seams again, on a shifted grid; keep the better.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail if the network fails on a tile.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page about the run, to look at and to send.")] = None,
    seams: Annotated[Path | None, typer.Option(help="Keep a look at the seams here, as .npz.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    debug: Debug = False,
) -> None:
    """Matte PICTURE at its full size.

    Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but the network failed on tiles; 130 stopped. A stopped run
    keeps its work beside the output, and the same command continues it.
    """
    with _speaking_plainly(debug):
        settings = Settings(
            model=model,
            guide_px=guide_px,
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
            detail=detail,
            fresh=fresh,
            mend=mend,
            strict=strict,
            max_pixels=max_pixels,
            work_dir=work_dir,
            cluster=cluster,
            seams=seams,
            html=html,
        )
        _matte(picture, output, settings, report, quiet)


@app.command()
def info(
    picture: Annotated[Path, typer.Argument(help="A picture of any kind.", show_default=False)],
    debug: Debug = False,
) -> None:
    """Say how PICTURE is understood: kind, size, depth, colours, metadata."""
    with _speaking_plainly(debug):
        from tiler.image.info import describe

        print(describe(picture))


@app.command(epilog=SEAMS_EXAMPLES)
def seams(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="PICTURE-OR-CANVAS",
            help="A picture, the .npz of --seams, or the work folder of a run, OUTPUT.tiler.",
            show_default=False,
        ),
    ],
    limit: Annotated[
        float | None, typer.Option(help="Steps of 255 at the worst place.", show_default="what fusing allows, 20.4")
    ] = None,
    model: ModelName = "modnet",
    guide_px: GuidePx = None,
    tile_px: TilePx = None,
    overlap_px: OverlapPx = None,
    html: Annotated[Path | None, typer.Option(help="Write a page about them, to look at and to send.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but the result.")] = False,
    debug: Debug = False,
) -> None:
    """Say where neighbouring tiles disagree the most, in pixels of the full picture.

    A picture is matted for this, and the matte thrown away. Exit codes: 0 no seam is above the limit; 1 some are, or
    the run failed; 2 wrong usage.
    """
    with _speaking_plainly(debug):
        from tiler.core.seams import LIMIT, judge
        from tiler.inspect.snapshot import load, tell
        from tiler.store.canvas import seams_on

        within = LIMIT if limit is None else limit / 255
        if what.is_dir():
            if html is not None:
                raise SettingsError(f"--html: {what} holds no picture.", "Give the picture itself.")
            levels, measured = seams_on(what)
            judged = judge(measured, within)
            print(tell(judged, levels))
            raise typer.Exit(0 if judged.passed else 1)
        with tempfile.TemporaryDirectory(prefix="tiler-") as scratch:
            kept = what
            if what.suffix != ".npz":
                kept = Path(scratch) / "look.npz"
                settings = Settings(
                    model=model,
                    guide_px=guide_px,
                    tile_px=tile_px,
                    overlap_px=overlap_px,
                    alpha_only=True,
                    seams=kept,
                    html=html,
                )
                _matte(what, Path(scratch) / "alpha.tif", settings, None, quiet)
            look = load(kept)
        judged = judge(look.seams, within)
        if kept == what and html is not None:
            from tiler.inspect.html import write

            write(html, look, limit=judged.limit)
        print(look.tell(judged))
    if not judged.passed:
        raise typer.Exit(1)


@app.command()
def plan(
    picture: Annotated[Path, typer.Argument(help="A picture of any size.", show_default=False)],
    model: ModelName = "modnet",
    guide_px: GuidePx = None,
    tile_px: TilePx = None,
    overlap_px: OverlapPx = None,
    route: Annotated[Route, typer.Option(help="As for matte.")] = "auto",
    wrap: Wrap = None,
    detail: Annotated[Detail, typer.Option(help="As for matte.")] = "network",
    dense_levels: Annotated[int, typer.Option(min=0, help="As for matte.")] = 0,
    precision: PrecisionChoice = "auto",
    threads: Threads = None,
    work_dir: WorkDir = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but the plan.")] = False,
    debug: Debug = False,
) -> None:
    """Say what matting PICTURE would take: levels, tiles, time, memory, disk.

    The picture is read once and its smallest size matted; how many tiles will run and how long that takes is an
    estimate, from a few tiles timed on this machine.
    """
    with _speaking_plainly(debug):
        from tiler.cli import terminal
        from tiler.estimate import estimate

        settings = Settings(
            model=model,
            guide_px=guide_px,
            tile_px=tile_px,
            overlap_px=overlap_px,
            route=route,
            wrap=wrap,
            dense_levels=dense_levels,
            detail=detail,
            precision=precision,
            threads=default_threads() if threads is None else threads,
            work_dir=work_dir,
        )
        with terminal.progress(quiet) as progress:
            forecast = estimate(picture, settings, progress)
        print(forecast.tell())


@app.command(epilog=BATCH_EXAMPLES)
def batch(
    where: Annotated[
        Path, typer.Argument(metavar="FOLDER-OR-LIST", help="A folder, or a text file of paths.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for the mattes; made if need be.")],
    suffix: Annotated[str, typer.Option(help="What to write: .tif, .png, .webp, .exr or .zarr.")] = ".tif",
    jobs: Annotated[int, typer.Option(min=1, help="Pictures at once; they share the threads and the network.")] = 1,
    watch: Annotated[bool, typer.Option("--watch", help="Go on as pictures arrive, until Ctrl-C.")] = False,
    csv: Annotated[Path | None, typer.Option(help="The table.", show_default="batch.csv in the output folder")] = None,
    model: ModelName = "modnet",
    guide_px: GuidePx = None,
    tile_px: TilePx = None,
    overlap_px: OverlapPx = None,
    precision: PrecisionChoice = "auto",
    threads: Threads = None,
    alpha_only: AlphaOnly = False,
    bits: Bits = None,
    mend: Annotated[bool, typer.Option("--mend", help="As for matte.")] = False,
    work_dir: WorkDir = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors and the table.")] = False,
    debug: Debug = False,
) -> None:
    """Matte every picture of FOLDER-OR-LIST; skip what is done, which is verified by its bytes.

    Exit codes: 0 all is done; 1 a picture, or tiles of one, failed; 2 wrong usage; 130 stopped: the same command
    goes on.
    """
    with _speaking_plainly(debug):
        settings = Settings(
            model=model,
            guide_px=guide_px,
            tile_px=tile_px,
            overlap_px=overlap_px,
            precision=precision,
            threads=default_threads() if threads is None else threads,
            alpha_only=alpha_only,
            bits=cast(Any, bits),
            mend=mend,
            work_dir=work_dir,
        )
        _batch(where, output, suffix, settings, csv or output / "batch.csv", jobs, watch, quiet)


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
    from tiler.cli import terminal
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
        tiles = report.tiles_run + report.tiles_skipped + sum(level.tiles_kept for level in report.levels)
        print(
            f"{output}: {width} x {height} px, {report.tiles_run} of {tiles} tiles run, "
            f"{sum(report.seconds.values()):.1f} s",
            file=sys.stderr,
        )
        for level in report.levels:
            if level.mending is not None and level.mending.above:
                print(f"level {level.level}: {level.mending.tell()}", file=sys.stderr)
    for tile in report.failed_tiles:
        print(
            f"tiler: level {tile.level}, tile ({tile.row}, {tile.col}) failed, the smaller picture stands in: "
            f"{tile.reason}",
            file=sys.stderr,
        )
    if report.failed_tiles:
        print("tiler: the same command tries these tiles again.", file=sys.stderr)
        raise typer.Exit(3)


def _batch(
    where: Path, into: Path, suffix: str, settings: Settings, csv: Path, jobs: int, watching: bool, quiet: bool
) -> None:
    """Run a batch, or watch for ever; print the table and write the CSV whatever ends it."""
    from contextlib import closing

    from tiler import batch
    from tiler.cli import terminal
    from tiler.image.write.formats import OUTPUT_FORMATS
    from tiler.model.tensorflow_runtime import open_session
    from tiler.progress import Progress, Silent

    if suffix not in OUTPUT_FORMATS:
        raise SettingsError(f"--suffix is {suffix!r}.", f"Choose one of: {', '.join(OUTPUT_FORMATS)}.")
    if into.resolve() == where.resolve():
        raise SettingsError(f"{into}: the mattes would lie among the pictures.", "Name another folder with -o.")
    find = functools.partial(batch.find_items, where, into, suffix)
    items = find()
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{into}: cannot be made: {error.strerror}.", "Name another folder with -o.") from error
    results: list[batch.Result] = []
    try:
        with terminal.progress(quiet) as progress, closing(open_session(settings, progress)) as network:

            def progress_of(label: str) -> Progress:
                # Pictures side by side would fight for one bar: they share one that counts them.
                return batch.Labelled(progress, label) if jobs == 1 else Silent()

            for some in batch.watch(find) if watching else [items]:
                if jobs > 1:
                    progress.stage("pictures", len(some))
                for result in batch.run_batch(some, settings, network, progress_of, jobs=jobs):
                    results.append(result)
                    if jobs > 1:
                        progress.advance()
                    progress.note(f"{result.source}: {result.outcome}. {result.reason}".rstrip(" ."))
                batch.write_csv(results, csv)
    finally:
        if results:
            batch.write_csv(results, csv)
            print(batch.table(results), file=sys.stderr)
    if any(result.outcome.startswith("failed") for result in results):
        raise typer.Exit(1)


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
        print("tiler: stopped; the same command continues. No output was written.", file=sys.stderr)
        raise typer.Exit(130) from None


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
