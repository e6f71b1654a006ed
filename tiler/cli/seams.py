"""`tiler seams`: where neighbouring tiles disagree the most."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tiler.cli.matte import matte
from tiler.cli.options import Quiet, takes
from tiler.errors import SettingsError
from tiler.settings import Settings

EXAMPLES = """Examples:

\b
  tiler matte photo.tif -o cutout.tif --snapshot run.npz
  tiler seams run.npz --html report.html         which places are the worst
  tiler seams photo.tif --limit 8                for scripts: exit code 1 if any is above 8 of 255
  tiler seams cutout.tif.tiler                   of a run that was stopped, or is still at work
"""


@takes("matting", "hints", "compute", "run")
def command(
    settings: Settings,
    what: Annotated[
        Path,
        typer.Argument(
            metavar="PICTURE-OR-RUN",
            help="A picture, the .npz of --snapshot, or the work folder of a run, OUTPUT.tiler.",
            show_default=False,
        ),
    ],
    limit: Annotated[
        float | None, typer.Option(help="Steps of 255 at the worst place.", show_default="the guide's tolerance, 20.4")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write an HTML report, to look at and to send.", show_default=False)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Print where neighbouring tiles disagree the most, in pixels of the full picture.

    A picture is matted for this, and the matte thrown away. Exit codes: 0 no seam is above the limit; 1 some are, or
    the run failed; 2 wrong usage.
    """
    from tiler.core.seams import LIMIT, judge
    from tiler.inspect.html import write_html
    from tiler.inspect.snapshot import load, summary
    from tiler.store.canvas import seams_on

    within = LIMIT if limit is None else limit / 255
    if what.is_dir():
        if html is not None:
            raise SettingsError(f"--html: {what} holds no picture.", "Give the picture itself.")
        levels, measured = seams_on(what)
        judged = judge(measured, within)
        print(summary(judged, levels))
    else:
        if what.suffix == ".npz":
            snapshot = load(what)
        else:
            with tempfile.TemporaryDirectory(prefix="tiler-", dir=settings.run.work_dir) as scratch:
                kept = Path(scratch) / "snapshot.npz"
                wanted = settings.with_options(alpha_only=True, snapshot=kept, html=None, report=None)
                matte(what, Path(scratch) / "alpha.tif", wanted, quiet)
                snapshot = load(kept)
        judged = judge(snapshot.seams, within)
        if html is not None:
            write_html(html, snapshot, limit=judged.limit)
        print(snapshot.summary(judged))
    if not judged.passed:
        raise typer.Exit(1)
