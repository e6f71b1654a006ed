"""Try a trained refiner after the fuse, beside the methods of `detail`.

    PYTHONPATH=scripts python -m refiner.trial OUT/tf_graph.pb people animals --guides real --methods shipped refined

What follows the graph is for `python -m detail`.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from detail import bench
from numpy.typing import NDArray

from refiner.network import MULTIPLE_PX, REACH_PX
from tiler.fuse import Alpha, around_unsure, fuse, obey
from tiler.model.graph import read_graph, unpack_weights
from tiler.model.session import load_tensorflow


class Refiner(Protocol):
    """A network that never looks at anything but its argument."""

    def __call__(self, planes: NDArray[np.float32]) -> Alpha:
        """Return the (h, w) alpha of (h, w, 6) planes, all 0..1: red, green, blue, guide, tile alpha, fused alpha."""


class Frozen:
    """The refiner in a graph file, on one thread."""

    def __init__(self, path: Path) -> None:
        tf = load_tensorflow()
        definition = read_graph(path)
        unpack_weights(definition)
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(definition, name="")
            config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=2)
            self._session = tf.compat.v1.Session(graph=graph, config=config)

    def __call__(self, planes: NDArray[np.float32]) -> Alpha:
        height, width = planes.shape[:2]
        padded = np.pad(planes, ((0, -height % MULTIPLE_PX), (0, -width % MULTIPLE_PX), (0, 0)), mode="symmetric")
        alpha: Alpha = self._session.run("alpha:0", {"planes:0": padded[None]})[0, :height, :width]
        return alpha


@dataclass(frozen=True)
class Refined:
    """The fuse whose answer is refined, and brought under the same law."""

    refiner: Refiner

    def __call__(self, tile_alpha: Alpha, guide: Alpha, rgb: NDArray[np.float32], guide_px: float, /) -> Alpha:
        box = around_unsure(guide, REACH_PX)
        if box is None:
            return guide
        witnesses = (guide, tile_alpha, fuse(tile_alpha, guide, rgb, guide_px))
        planes = np.concatenate([rgb[box] / np.float32(255), *(alpha[box][..., None] for alpha in witnesses)], axis=-1)
        refined = guide.copy()
        refined[box] = self.refiner(planes)
        return obey(refined, guide, guide_px)


def main() -> int:
    """Take the graph from the command line and leave the rest to the bench."""
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_file():
        print(__doc__, file=sys.stderr)
        return 1
    refined = Refined(Frozen(Path(sys.argv.pop(1))))
    bench.METHODS["refined"] = lambda _network: refined
    return bench.main()


if __name__ == "__main__":
    sys.exit(main())
