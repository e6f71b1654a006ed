#!/usr/bin/env python
"""How fast a cutout is written, beside tifffile, which is given the tiles as they shall be.

The picture and an alpha lie in memory. tiler puts them together band by band and writes them, with a checksum, under
another name first; tifffile is given ready tiles. Both compress with the same number of threads and the same predictor.
They take turns; the best time of each counts.

    python scripts/bench/export_speed.py scene/picture.tif scene/alpha.tif --rounds 5
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import numpy as np
import tifffile
from numpy.typing import NDArray

from tiler.arrays import ArraySource
from tiler.core.geometry import Box
from tiler.image.write.export import export
from tiler.image.write.tiff import TILE_PX
from tiler.progress import Silent
from tiler.settings import Settings

COMPRESSIONS = {"lzw": "lzw", "deflate": "adobe_deflate"}
TO_16_BITS = 257


def main() -> int:
    """Print a table, one row for each compression."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("alpha", type=Path, help="of 8 bits, as large as the picture")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rgb, alpha = tifffile.imread(options.picture), tifffile.imread(options.alpha)
    print(f"{alpha.size / 1e6:.0f} MP, {options.threads} threads; seconds (wall, processor)\n")
    print("| | tiler | tifffile | tiler / tifffile |\n|---|---|---|---|")
    for compression in COMPRESSIONS:
        settings = Settings.of(colours="source", compression=compression, threads=options.threads)
        found = [both(rgb, alpha, settings) for _ in range(options.rounds)]
        mine, its = np.min(found, axis=0)
        print(f"| {compression} | {mine.round(2)} | {its.round(2)} | {(mine / its).round(2)} |", flush=True)
    return 0


def both(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], settings: Settings
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the seconds of tiler and of tifffile: by the clock, and of all processors."""
    with TemporaryDirectory() as folder:
        source = ArraySource(rgb)

        def by_tiler() -> None:
            export(Path(folder) / "tiler.tif", source, source.read, read_alpha, settings, Silent())

        def read_alpha(box: Box) -> NDArray[np.uint16]:
            return alpha[box.slices] * np.uint16(TO_16_BITS)

        tiles = list(ready(np.dstack([rgb, alpha])))

        def by_tifffile() -> None:
            tifffile.imwrite(
                Path(folder) / "tifffile.tif",
                iter(tiles),
                shape=(*alpha.shape, 4),
                dtype=np.uint8,
                photometric="rgb",
                extrasamples=["unassalpha"],
                tile=(TILE_PX, TILE_PX),
                compression=COMPRESSIONS[settings.output.compression],
                predictor=True,
                maxworkers=settings.compute.thread_count,
            )

        return seconds(by_tiler), seconds(by_tifffile)


def ready(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield whole tiles in the order of a TIFF."""
    for top in range(0, pixels.shape[0], TILE_PX):
        for left in range(0, pixels.shape[1], TILE_PX):
            tile = pixels[top : top + TILE_PX, left : left + TILE_PX]
            missing = (TILE_PX - tile.shape[0], TILE_PX - tile.shape[1])
            yield np.pad(tile, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")


def seconds(run: Callable[[], None]) -> tuple[float, float]:
    """Return what `run` takes: by the clock, and of all processors."""
    began, spent = perf_counter(), process_time()
    run()
    return perf_counter() - began, process_time() - spent


if __name__ == "__main__":
    sys.exit(main())
