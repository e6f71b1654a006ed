"""`tiler batch`: many pictures."""

import functools
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

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
    jobs: Annotated[int, typer.Option(min=1, help="Pictures at once; they share the threads and the network.")] = 1,
    watch: Annotated[bool, typer.Option("--watch", help="Go on as pictures arrive, until Ctrl-C.")] = False,
    csv: Annotated[Path | None, typer.Option(help="The table.", show_default="batch.csv in the output folder")] = None,
    quiet: Quiet = False,
) -> None:
    """Matte every picture of FOLDER-OR-LIST; skip what is done, which is verified by its bytes.

    Exit codes: 0 all is done; 1 a picture, or tiles of one, failed; 2 wrong usage; 130 stopped: the same command
    goes on.
    """
    from tiler import batch
    from tiler.cli import process, terminal
    from tiler.image.write.formats import OUTPUT_FORMATS
    from tiler.model.tensorflow_runtime import open_session
    from tiler.progress import Progress, Silent

    if suffix not in OUTPUT_FORMATS:
        raise SettingsError(f"--suffix is {suffix!r}.", f"Choose one of: {', '.join(OUTPUT_FORMATS)}.")
    if output.resolve() == where.resolve():
        raise SettingsError(f"{output}: the mattes would lie among the pictures.", "Name another folder with -o.")
    process.prepare(settings.compute.cluster)
    find = functools.partial(batch.find_items, where, output, suffix)
    items = find()
    table = csv or output / "batch.csv"
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be made: {error.strerror}.", "Name another folder with -o.") from error
    results: list[batch.Result] = []
    try:
        with terminal.progress(quiet) as progress, closing(open_session(settings.compute, progress)) as model:

            def progress_of(label: str) -> Progress:
                # Pictures side by side would fight for one bar: they share one that counts them.
                return batch.Labelled(progress, label) if jobs == 1 else Silent()

            for some in batch.watch(find) if watch else [items]:
                if jobs > 1:
                    progress.stage("pictures", len(some))
                for result in batch.run_batch(some, settings, model, progress_of, into=output, jobs=jobs):
                    results.append(result)
                    if jobs > 1:
                        progress.advance()
                    progress.note(f"{result.source}: {result.outcome}. {result.reason}".rstrip(" ."))
                batch.write_csv(results, table)
    finally:
        if results:
            batch.write_csv(results, table)
            print(batch.table(results), file=sys.stderr)
    if any(result.outcome.startswith("failed") for result in results):
        raise typer.Exit(1)
