#!/usr/bin/env python
"""Measure how far a network's answers for tiles are off where the guide is uncertain: the `noise` of its card.

Every tile that the network sees in a run is compared with the true alpha, reduced to its level, where a trimap made of
its guide is not known. Printed is the root mean square over all pictures: of the tile's own answer, and of the alpha
that colours alone come to there, which is what it has to be better than.

    python scripts/bench/noise.py FOLDER [FOLDER ...] --model mine --guide-model modnet
"""

import sys
from contextlib import closing
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scenes import Alpha, opened, parser, pictures_in, read_truth, settings_of
from score import TruthOf, solved, truth_of_tiles
from tiler.core.fusion import fuse
from tiler.core.trimap import UNKNOWN, trimap_of
from tiler.engine.scene import for_network
from tiler.model.pair import networks_of
from tiler.model.session import open_session
from tiler.progress import Silent


def main() -> int:
    """Measure, print."""
    options = parser(__doc__, "guide-px", "tile-px", "network-levels")
    options.add_argument("--guide-model", help="as for tiler matte")
    options.add_argument("folders", nargs="+", type=Path)
    chosen = options.parse_args()
    settings = settings_of(chosen, guide_model=chosen.guide_model)
    squares: list[tuple[float, float, int]] = []
    with closing(open_session(settings.compute, Silent())) as session:
        guide, tiles = networks_of(session)
        for path in pictures_in(chosen.folders):
            print(path.name, file=sys.stderr)
            with opened(path, session, settings) as picture:
                truth = truth_of_tiles(picture, read_truth(path))

                def compared(
                    tile: Alpha | None,
                    guide: Alpha,
                    rgb: NDArray[np.float32],
                    guide_scale: float,
                    spread: Alpha | None,
                    noise: float,
                    truth: TruthOf = truth,
                ) -> Alpha:
                    if tile is not None:
                        unknown = trimap_of(guide, spread, guide_scale) == UNKNOWN
                        right, by_colours = truth(rgb)[unknown], fuse(None, guide, rgb, guide_scale, spread)[unknown]
                        of_tile, of_colours = (float(np.square(a - right).sum()) for a in (tile[unknown], by_colours))
                        squares.append((of_tile, of_colours, right.size))
                    return fuse(tile, guide, rgb, guide_scale, spread, noise)

                scene = for_network(picture.scene(fuse=compared), session.card, settings.matting)
                solved(replace(scene, network=guide, tile_network=tiles, looks=None))
    of_tiles, of_colours, count = (sum(column) for column in zip(*squares, strict=True))
    print(f"{len(squares)} tiles, {count} pixels that are not known")
    print(f"noise {sqrt(of_tiles / count):.3f}; colours alone {sqrt(of_colours / count):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
