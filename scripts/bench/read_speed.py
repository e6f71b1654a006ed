#!/usr/bin/env python
"""How much memory reading windows of a very large file takes, and how fast it goes.

For each kind of file a new process opens a picture of SIDE x SIDE px, made of a photograph repeated, and reads windows
of 1024 x 1024 px. A file that can be read in any order is read first at random, then one row of windows after the
other. A file that cannot is copied to scratch files from top to bottom, as a run does, and its windows are read there.
Memory is the peak that the process held beyond what it held when the readers were imported. Speed is bytes of the
pixels that were asked for, by the second, one window after the other. A run reads a picture several times, by all its
threads, so the windows at random are read again by two. `spool` is the speed of copying.

    python scripts/bench/read_speed.py examples/portrait.jpg --work-dir /mnt/large
"""

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import perf_counter

import numpy as np
import pyvips

from tiler.core.geometry import Box, Span
from tiler.image.open import open_source
from tiler.image.pyramid import build
from tiler.image.read.vips import limit_vips_cache
from tiler.image.source import Source
from tiler.progress import Silent

WINDOW_PX = 1024
RANDOM_WINDOWS = 24
ROWS_OF_WINDOWS = 4
STRIP_ROWS = 16
ORDERS = ("random", "again", "in order")
TIFF = {"bigtiff": True, "compression": "deflate", "predictor": "horizontal", "level": 1}
KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "tiled TIFF": ("tif", {**TIFF, "tile": True, "tile_width": 256, "tile_height": 256}),
    "tiled TIFF, not packed": ("tif", {"bigtiff": True, "tile": True, "tile_width": 256, "tile_height": 256}),
    "striped TIFF": ("tif", {**TIFF, "tile_height": STRIP_ROWS}),
    "striped TIFF, not packed": ("tif", {"bigtiff": True, "tile_height": STRIP_ROWS}),
    "tiled TIFF, JPEG": ("tif", {**TIFF, "compression": "jpeg", "Q": 90, "tile": True}),
    "PNG": ("png", {"compression": 1}),
    "JPEG, baseline": ("jpg", {"Q": 90}),
}


def main() -> int:
    """Print a table, one row per kind of file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--side-px", type=int, default=32768)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--work-dir", type=Path, help="where some 10 GB may lie meanwhile")
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        with tempfile.TemporaryDirectory(dir=options.work_dir) as scratch:
            print(json.dumps(measure(options.picture, Path(scratch))))
        return 0
    print("| file | GB | memory, MB | random, MB/s | again, by two threads | in order, MB/s | spool, MB/s |")
    print("|---|---|---|---|---|---|---|")
    for kind in options.kinds:
        suffix, how = KINDS[kind]
        with tempfile.TemporaryDirectory(dir=options.work_dir) as folder:
            path = Path(folder) / f"large.{suffix}"
            make(options.picture, path, options.side_px, how)
            command = [sys.executable, __file__, str(path), "--read", "--work-dir", folder]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            cells = [f"{path.stat().st_size / 1e9:.1f}"]
        cells += [f"{found[name]:.0f}" if name in found else "" for name in ("memory", *ORDERS, "spool")]
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)
    return 0


def make(picture: Path, path: Path, side_px: int, how: dict[str, object]) -> None:
    """Write `picture`, repeated to `side_px` a side, to `path`."""
    tile = pyvips.Image.new_from_file(str(picture)).copy_memory()
    across, down = -(-side_px // tile.width), -(-side_px // tile.height)
    repeated = tile.replicate(across, down).crop(0, 0, side_px, side_px)
    repeated.write_to_file(str(path), **how)


def measure(path: Path, scratch: Path) -> dict[str, float]:
    """Return MB of memory beyond what is held now, and MB of pixels a second for each way of reading."""
    limit_vips_cache()
    before = held_mb("VmRSS")
    speeds = {}
    with closing(open_source(path)) as source:
        pixel_bytes = source.dtype.itemsize * 3
        read = source.read
        if not source.random_access:
            began = perf_counter()
            pyramid = build(source, [source.shape], scratch / "pyramid", Silent())
            height, width = source.shape
            build_s = perf_counter() - began
            speeds["spool"] = height * width * pixel_bytes / 1e6 / build_s
            read = pyramid.native
        for order, threads, windows in zip(
            ORDERS, (1, 2, 1), (at_random(source), at_random(source), in_order(source)), strict=True
        ):
            began = perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                for pixels in pool.map(read, windows):
                    del pixels
            size = sum(box.rows.size * box.cols.size for box in windows) * pixel_bytes
            speeds[order] = size / 1e6 / (perf_counter() - began)
    return {"memory": held_mb("VmHWM") - before, **speeds}


def at_random(source: Source) -> list[Box]:
    """Return windows at random places."""
    random = np.random.default_rng(0)
    height, width = source.shape
    corners = zip(
        random.integers(0, height - WINDOW_PX, RANDOM_WINDOWS),
        random.integers(0, width - WINDOW_PX, RANDOM_WINDOWS),
        strict=True,
    )
    return [window(int(top), int(left)) for top, left in corners]


def in_order(source: Source) -> list[Box]:
    """Return a few rows of windows from the middle of the picture, left to right, then down."""
    height, width = source.shape
    middle = height // 2 // WINDOW_PX * WINDOW_PX
    rows = range(middle, min(middle + ROWS_OF_WINDOWS * WINDOW_PX, height - WINDOW_PX + 1), WINDOW_PX)
    return [window(top, left) for top in rows for left in range(0, width - WINDOW_PX + 1, WINDOW_PX)]


def window(top: int, left: int) -> Box:
    """Return the window whose first pixel is given."""
    return Box(Span(top, top + WINDOW_PX), Span(left, left + WINDOW_PX))


def held_mb(name: str) -> float:
    """Return VmRSS, the memory held now, or VmHWM, its peak, in MB (proc(5))."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
    return kib * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
