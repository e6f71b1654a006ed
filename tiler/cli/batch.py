"""`tiler batch`: many pictures."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from tiler.cli import process
from tiler.cli.options import Quiet, takes
from tiler.errors import OutputError, SettingsError
from tiler.settings import Settings

EXAMPLES = """Examples:

\b
  tiler batch scans -o mattes --suffix .png      whatever is not done yet
  tiler batch tonight.txt -o mattes --jobs 2     the pictures that a list names
  tiler batch inbox -o mattes --watch            as they arrive, until Ctrl-C
"""


@takes("matting", "hints", "compute", "output", "run", "reports")
def command(
    settings: Settings,
    where: Annotated[
        Path, typer.Argument(metavar="FOLDER-OR-LIST", help="A folder, or a text file of paths.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for the mattes; made if need be.")],
    suffix: Annotated[str, typer.Option(help="What to write: .tif, .png, .webp, .exr or .zarr.")] = ".tif",
    name: Annotated[
        str,
        typer.Option(
            help="Name of an output without its ending: {name} is a.jpg, {stem} is a. Pictures that would share an "
            "output fail."
        ),
    ] = "{name}",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that tiler did not make. Pictures of the batch never go.")
    ] = False,
    null: Annotated[
        bool, typer.Option("--null", help="The paths of the list end in NUL bytes, as those of find -print0 do.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Pictures at once; they share the threads and the network.")] = 1,
    watch: Annotated[bool, typer.Option("--watch", help="Go on as pictures arrive, until Ctrl-C.")] = False,
    csv: Annotated[Path | None, typer.Option(help="The table.", show_default="batch.csv in the output folder")] = None,
    quiet: Quiet = False,
) -> None:
    """Matte every picture of FOLDER-OR-LIST; skip what is done, which is verified by its bytes.

    The matte of a.jpg is a.jpg.tif, so that its name depends on its picture alone. The table has a row for every path
    that was found. Errors that nobody foresaw go beside it, into a file that ends in .log.

    Exit codes: 0 all is done; 1 a picture, or tiles of one, failed; 2 wrong usage; 130 stopped (143 by SIGTERM, 129 by
    SIGHUP): the same command goes on.
    """
    from tiler import batch
    from tiler.cli import terminal
    from tiler.image.write.formats import OUTPUT_FORMATS
    from tiler.model.session import open_session
    from tiler.progress import Progress

    if suffix not in OUTPUT_FORMATS:
        raise SettingsError(f"--suffix is {suffix!r}.", f"Choose one of: {', '.join(OUTPUT_FORMATS)}.")
    if output.resolve() == where.resolve():
        raise SettingsError(f"{output}: the mattes would lie among the pictures.", "Name another folder with -o.")
    naming = batch.Naming(suffix, name)
    process.prepare(settings, output)
    items = batch.find_items(where, output, naming, null=null)
    table = csv or output / "batch.csv"
    batch.check_table(table)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be made: {error.strerror}.", "Name another folder with -o.") from error
    # The last result of each path, in the order in which the paths came.
    results: dict[str, batch.Result] = {}
    try:
        with terminal.progress(quiet) as shown, closing(open_session(settings.compute, shown)) as model:
            progress = process.obeying(shown)

            def progress_of(label: str) -> Progress:
                # Pictures side by side would fight for one bar: they share one that counts them.
                return batch.Labelled(progress, label) if jobs == 1 else batch.NotesOf(progress, label)

            looks = batch.watch(lambda: batch.find_items(where, output, naming, null=null)) if watch else [items]
            for some in looks:
                if jobs > 1:
                    progress.stage("pictures", len(some))
                for result in batch.run_batch(
                    some,
                    settings,
                    model,
                    progress_of,
                    into=output,
                    jobs=jobs,
                    overwrite=overwrite,
                    log=table.with_suffix(".log"),
                ):
                    results[result.source] = result
                    if jobs > 1:
                        progress.advance()
                    if said := batch.sentence(result):
                        progress.note(said)
                batch.write_csv(list(results.values()), table)
        if not results:
            process.say(f"{where}: nothing was found to matte.")
    except KeyboardInterrupt as error:
        error.add_note("the same command goes on.")
        raise
    finally:
        if results:
            process.say(batch.table(list(results.values())))
            batch.write_csv(list(results.values()), table)
    if any(result.failed for result in results.values()):
        raise typer.Exit(1)
