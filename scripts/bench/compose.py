#!/usr/bin/env python
"""How fast a cutout is laid over a colour, and how much memory that takes.

The cutout is enlarged to so many megapixels, written as 8 bit TIFFs as `tiler matte` writes them and without
compression, and laid over white, each in a new process. Beside it stands a plain copy of the same file. Both times end
when the bytes are on the disk; what happens before the first of them, such as imports, is not counted.

    python scripts/bench/compose.py cutout.tif --work-dir /mnt/large
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import pyvips

import tiler
from tiler.memory import peak_memory_mb, set_up_malloc

TILES = {"tile": True, "tile_width": 512, "tile_height": 512, "predictor": "horizontal"}
KINDS: dict[str, dict[str, object]] = {
    "deflate": {**TILES, "compression": "deflate", "level": 1},
    "LZW": {**TILES, "compression": "lzw"},
    "none": {**TILES, "compression": "none"},
    "none, in strips": {"compression": "none"},
}


def main() -> int:
    """Print a table, one row per kind of cutout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cutout", type=Path)
    parser.add_argument("--megapixels", type=float, default=100)
    parser.add_argument("--background", default="white")
    parser.add_argument("--output", default="out.tif")
    parser.add_argument("--work-dir", type=Path)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(measured(options.cutout, options.background, options.output)))
        return 0
    print(
        "| cutout | s | MP/s | processor, s | copy of the file, s | ratio | memory, MB |\n|---|--:|--:|--:|--:|--:|--:|"
    )
    for kind, how in KINDS.items():
        with tempfile.TemporaryDirectory(dir=options.work_dir) as folder:
            path = Path(folder) / "large.tif"
            make(options.cutout, path, options.megapixels, how)
            command = [sys.executable, __file__, str(path), "--once"]
            command += ["--background", options.background, "--output", str(path.with_name(options.output))]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        wall, copy = found["wall"], found["copy"]
        print(
            f"| {kind} | {wall:.2f} | {options.megapixels / wall:.0f} | {found['processor']:.2f} "
            f"| {copy:.2f} | {wall / copy:.1f} | {found['memory']:.0f} |",
            flush=True,
        )
    return 0


def make(cutout: Path, path: Path, megapixels: float, how: dict[str, object]) -> None:
    """Write the cutout, 8 bit and enlarged to `megapixels`, to `path`."""
    image = pyvips.Image.new_from_file(str(cutout))
    image = image.resize((megapixels * 1e6 / (image.width * image.height)) ** 0.5)
    (image.cast("uchar", shift=True) if image.format == "ushort" else image).write_to_file(str(path), **how)


def measured(path: Path, background: str, output: str) -> dict[str, float]:
    """Return the seconds of a copy and of a composite, those of the processor, and the peak of memory in MB."""
    set_up_malloc()
    began = perf_counter()
    with Path(shutil.copyfile(path, path.with_name("copy"))).open("rb") as copied:
        os.fsync(copied.fileno())
    copy = perf_counter() - began
    began, worked = perf_counter(), process_time()
    tiler.compose(path, output, background)
    wall, processor = perf_counter() - began, process_time() - worked
    return {"copy": copy, "wall": wall, "processor": processor, "memory": peak_memory_mb() or 0}


if __name__ == "__main__":
    sys.exit(main())
