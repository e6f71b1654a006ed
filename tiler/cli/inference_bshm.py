"""Matte one picture of any size with the options and the output files of BSHM's inference script.

    python scripts/inference_bshm.py -i portrait.jpg -d results
    python scripts/inference_bshm.py -i https://example.org/portrait.jpg -d results --bits 16

NAME_rgba.png is the picture with its alpha, and NAME_alpha.png is the alpha alone; both are in the output directory.
"""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, cast

import pyvips

from tiler.atomic import atomic_file
from tiler.cli import terminal
from tiler.cli.fetch import MOST_MB, MOST_S, fetch
from tiler.errors import OutputError, TilerError
from tiler.progress import Progress
from tiler.run import matte
from tiler.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, that of the process if None; return 0, or 1 after an error, 130 after Ctrl-C."""
    options = _options(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        settings = Settings.of(model=options.model, bits=cast(Any, options.bits))
        with terminal.progress(quiet=False) as progress, _local_file(options, progress) as picture:
            for path in infer(picture, options.output_dir, settings, progress):
                print(path)
    except TilerError as error:
        print(f"tiler: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tiler: stopped.", file=sys.stderr)
        return 130
    return 0


def infer(picture: Path, output_dir: Path, settings: Settings, progress: Progress) -> tuple[Path, Path]:
    """Matte `picture` into `output_dir` and return the paths (alpha, rgba). The directory is made if it is missing.

    Raises TilerError.
    """
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output_dir}: cannot be made: {error.strerror}.", "Name another directory.") from error
    alpha, rgba = (output_dir / f"{picture.stem}_{what}.png" for what in ("alpha", "rgba"))
    matte(picture, rgba, settings, progress)
    cutout = pyvips.Image.new_from_file(str(rgba), access="sequential", fail_on="warning")
    with atomic_file(alpha) as file:
        target = pyvips.TargetCustom()
        target.on_write(file.write)
        cutout.extract_band(cutout.bands - 1).pngsave_target(target, keep="none")
    return alpha, rgba


@contextmanager
def _local_file(options: argparse.Namespace, progress: Progress) -> Iterator[Path]:
    """Give the input as a file; a URL is fetched into a temporary directory."""
    if "://" not in options.input:
        yield Path(options.input)
        return
    with TemporaryDirectory(prefix="tiler-") as folder:
        yield fetch(
            options.input,
            Path(folder),
            max_mb=options.max_mb,
            max_s=options.max_seconds,
            allow_private=options.allow_private,
            progress=progress,
        )


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="inference_bshm.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-i", "--input", required=True, help="path of a picture, or an http or https URL")
    parser.add_argument("-d", "--output_dir", type=Path, default=Path("results"), help="made if it is missing")
    parser.add_argument("--bits", type=int, choices=(8, 16), help="bits per channel; those of the picture by default")
    parser.add_argument("--model", default="bshm", help="a name that `tiler models` lists, or a directory with a graph")
    parser.add_argument("--max_mb", type=float, default=4000, help=f"largest download, {MOST_MB:g} at most")
    parser.add_argument("--max_seconds", type=float, default=600, help=f"longest download, {MOST_S:g} at most")
    parser.add_argument(
        "--allow_private",
        action="store_true",
        help="also fetch from addresses of this machine and its network, and by the proxy of the environment",
    )
    return parser.parse_args(argv)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
