#!/usr/bin/env python
"""How fast a cutout is written, beside tifffile, which is given the tiles as they shall be.

The picture and an alpha lie in memory. tiler puts them together band by band and writes them, with a checksum, under
another name first; tifffile is given ready tiles. Both compress with the same number of threads and the same predictor.
They take turns; the best time of each counts.

    python scripts/bench/export_speed.py scene/picture.tif scene/alpha.tif --rounds 5
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile
from numpy.typing import NDArray

from scenes import timed
from tiler.arrays import ArraySource
from tiler.core.geometry import Box
from tiler.image.depth import to_steps
from tiler.image.write.export import export
from tiler.image.write.tiff import TILE_PX
from tiler.progress import Silent
from tiler.settings import Settings

COMPRESSIONS = {"lzw": "lzw", "deflate": "adobe_deflate"}


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
        source, steps = ArraySource(rgb), to_steps(alpha)

        def by_tiler() -> None:
            export(Path(folder) / "tiler.tif", source, source.read, read_alpha, settings, Silent())

        def read_alpha(box: Box) -> NDArray[np.uint16]:
            return steps[box.slices]

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

        return timed(by_tiler)[1], timed(by_tifffile)[1]


def ready(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield whole tiles in the order of a TIFF."""
    for top in range(0, pixels.shape[0], TILE_PX):
        for left in range(0, pixels.shape[1], TILE_PX):
            tile = pixels[top : top + TILE_PX, left : left + TILE_PX]
            missing = (TILE_PX - tile.shape[0], TILE_PX - tile.shape[1])
            yield np.pad(tile, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")


if __name__ == "__main__":
    sys.exit(main())
