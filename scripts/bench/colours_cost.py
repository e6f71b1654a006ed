#!/usr/bin/env python
"""What clean colours cost a run in processor time and memory.

A picture is enlarged to so many megapixels and cut out by `tiler.matte`, each time in a new process, with the
foreground's colours and with the picture's own.

    python scripts/bench/colours_cost.py examples/portrait.jpg --megapixels 24 100 --work-dir /mnt/large
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import pyvips

import tiler
from tiler.memory import peak_memory_mb, set_up_malloc

TILES = {"tile": True, "tile_width": 512, "tile_height": 512, "compression": "deflate", "predictor": "horizontal"}


def main() -> int:
    """Print a table, one row per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[24, 100])
    parser.add_argument("--work-dir", type=Path)
    parser.add_argument("--colours", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.colours:
        print(json.dumps(measured(options.picture, options.colours)))
        return 0
    print(
        "| MP | source, s of processor | clean, s of processor | share of the run | source, MB | clean, MB |\n"
        "|--:|--:|--:|--:|--:|--:|"
    )
    for megapixels in options.megapixels:
        with tempfile.TemporaryDirectory(dir=options.work_dir) as folder:
            path = Path(folder) / "large.tif"
            image = pyvips.Image.new_from_file(str(options.picture))
            image = image.resize((megapixels * 1e6 / (image.width * image.height)) ** 0.5)
            image.write_to_file(str(path), **TILES)
            source, clean = (once(path, colours) for colours in ("source", "clean"))
        share = 1 - source["processor"] / clean["processor"]
        cells = (source["processor"], clean["processor"], share * 100, source["memory"], clean["memory"])
        print("| {:.0f} | {:.1f} | {:.1f} | {:.1f} % | {:.0f} | {:.0f} |".format(megapixels, *cells), flush=True)
    return 0


def once(path: Path, colours: str) -> dict[str, float]:
    """Return what `measured` finds in a new process."""
    command = [sys.executable, __file__, str(path), "--colours", colours]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def measured(path: Path, colours: str) -> dict[str, float]:
    """Return the seconds of a run, those of the processor, and the peak of memory in MB."""
    set_up_malloc()
    began, worked = perf_counter(), process_time()
    tiler.matte(path, path.with_name(f"{colours}.tif"), tiler.Settings.of(colours=colours))
    return {"wall": perf_counter() - began, "processor": process_time() - worked, "memory": peak_memory_mb() or 0}


if __name__ == "__main__":
    sys.exit(main())
