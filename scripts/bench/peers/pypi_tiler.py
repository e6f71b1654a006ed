"""Every tile by the network, cut and merged by the package `tiler` of PyPI, which has nothing to do with ours."""

import sys

import numpy as np

from modnet import OVERLAP_PX, TILE_PX, Alpha, open_network, read, to_bytes, write
from tiler import Merger, Tiler


def main(picture: str, graph: str, output: str) -> None:
    """Matte `picture`, as the page of the package advises: padded by reflection, merged under a window."""
    rgb, network = read(picture), open_network(graph)
    tiles = Tiler(
        data_shape=rgb.shape,
        tile_shape=(TILE_PX, TILE_PX, 3),
        overlap=(OVERLAP_PX, OVERLAP_PX, 0),
        channel_dimension=2,
    )
    shape, padding = tiles.calculate_padding()
    tiles.recalculate(data_shape=shape)
    padded = np.pad(rgb, padding, mode="reflect")
    answers = Tiler(data_shape=shape[:2], tile_shape=(TILE_PX, TILE_PX), overlap=(OVERLAP_PX, OVERLAP_PX))
    merger = Merger(answers, window="hann", save_visits=False)
    for number, tile in tiles(padded):
        merger.add(number, network(tile))
    alpha: Alpha = merger.merge(unpad=True, extra_padding=padding[:2], dtype=np.float32)
    write(output, to_bytes(alpha))


if __name__ == "__main__":
    main(*sys.argv[1:])
