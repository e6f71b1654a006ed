"""Print the table of docs/formats.md: every kind of file is read, matted and written, each row in its own process.

    python scripts/bench/formats_table.py --megapixels 12 > table.md

A row states what was read from the file, how far its samples are from those written, the kind of alpha that a small
picture was matted with, and the peak of memory that opening the file and making its pyramid took beyond an idle process
with the readers imported. A row that fails states the error. Raw files of cameras cannot be made here and are not in
the table.
"""

import argparse
import os
import shutil
import sys
from contextlib import closing, redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tifffile

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.image.kinds import Kind, kinds  # noqa: E402
from tiler.core.geometry import Box, Span  # noqa: E402
from tiler.errors import TilerError  # noqa: E402
from tiler.image import info, pyramid  # noqa: E402
from tiler.image.open import open_source  # noqa: E402
from tiler.image.read import exr, heif, jp2, jxl, psd, raw, tiff, vips  # noqa: E402, F401
from tiler.memory import release_memory  # noqa: E402
from tiler.model.card import find_card  # noqa: E402
from tiler.progress import Silent  # noqa: E402
from tiler.recipe import plan_for  # noqa: E402
from tiler.run import matte  # noqa: E402
from tiler.settings import Settings  # noqa: E402

HEAD = (
    ("format", "read", "size", "samples", "profile", "Exif", "upright", "alpha out", "peak memory, MB"),
    ("---",) * 8 + ("---:",),
)


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=12, help="size of the pictures that are read")
    side = round((parser.parse_args().megapixels * 1e6 / 12) ** 0.5)
    for row in HEAD:
        print("|", " | ".join(row), "|", flush=True)
    for small, large in zip(kinds(), kinds((3 * side, 4 * side)), strict=True):
        print("|", " | ".join(in_a_process(small, large)), "|", flush=True)


def in_a_process(small: Kind, large: Kind) -> list[str]:
    """Return the cells of one row, made in its own process, so that no row includes the memory of another."""
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "row"
        child = os.fork()
        if child == 0:
            try:
                with redirect_stderr(StringIO()):
                    cells = row(small, large, Path(folder))
            except TilerError as error:
                cells = [large.name, f"fails: {error.what.replace(folder, '')}", *[""] * 7]
            answer.write_text("\t".join(cells))
            os._exit(0)
        os.waitpid(child, 0)
        return answer.read_text().split("\t") if answer.exists() else [large.name, "fails: killed", *[""] * 7]


def row(small: Kind, large: Kind, folder: Path) -> list[str]:
    """Return the cells of one row."""
    path = folder / "picture"
    written = os.fork()
    if written == 0:
        # Written in another process, because memory that writing freed would hide what reading takes.
        large.write(path)
        os._exit(0)
    os.waitpid(written, 0)
    release_memory()
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_mb("VmRSS")
    with closing(open_source(path)) as source:
        plan = plan_for(source.shape, find_card("modnet"), Settings().matting)
        made = pyramid.build(source, plan.shapes, folder / "pyramid", Silent())
        peak = memory_mb("VmHWM") - before
        errors: list[float] = []
        top = 1 if source.dtype == np.float32 else 255 if source.dtype == np.uint8 else 65535
        for start in range(0, source.shape[0], 256):
            rows = Span(start, min(start + 256, source.shape[0]))
            truth = large.truth[rows.slice].astype(np.float32)
            errors.append(np.abs(made.native(Box(rows, Span(0, source.shape[1]))) - truth).mean() / top)
        read = "exactly" if max(errors) == 0 else f"within {100 * np.mean(errors):.2f} %"
        upright = "yes" if source.shape == large.truth.shape[:2] and np.mean(errors) <= 0.02 else "NO"
        profile = info.profile_name(source.metadata.icc) if source.metadata.icc else "-"
        exif = "yes" if source.metadata.exif else "-"
        samples = f"{source.colour} {source.dtype}"
        size = f"{source.shape[1]} x {source.shape[0]}"
    shutil.rmtree(folder / "pyramid")
    small.write(path)
    matte(path, folder / "out.tif", Settings.of(threads=1))
    with tifffile.TiffFile(folder / "out.tif") as out:
        page: Any = out.pages.first
        fits = page.shape[:2] == small.truth.shape[:2] and page.shape[2] == small.truth.shape[2] + 1
        alpha = f"{page.extrasamples[0].name.lower()}, {page.dtype}" if fits else "NO"
    return [large.name, read, size, samples, profile, exif, upright, alpha, f"{peak:.0f}"]


def memory_mb(field: str) -> float:
    """Return a field of the status of this process (proc(5)), in MB of 10^6 bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field))) * 1024 / 1e6


if __name__ == "__main__":
    main()
