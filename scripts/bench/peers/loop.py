"""Every tile of the picture by the network, summed up under a feather window and divided by the sum of the windows."""

import sys

import numpy as np

from modnet import OVERLAP_PX, TILE_PX, open_network, read, to_bytes, write


def starts(length: int) -> list[int]:
    """Return where the tiles of an axis begin; the last one is moved inwards."""
    step = TILE_PX - OVERLAP_PX
    return [min(start, length - TILE_PX) for start in range(0, max(length - OVERLAP_PX, 1), step)]


def main(picture: str, graph: str, output: str) -> None:
    """Matte `picture`, whose sides are at least a tile long."""
    rgb, network = read(picture), open_network(graph)
    total, weight = np.zeros(rgb.shape[:2], np.float32), np.zeros(rgb.shape[:2], np.float32)
    ramp = np.minimum(np.arange(1, TILE_PX + 1), np.arange(TILE_PX, 0, -1)).clip(max=OVERLAP_PX) / OVERLAP_PX
    window = np.outer(ramp, ramp).astype(np.float32)
    for top in starts(rgb.shape[0]):
        for left in starts(rgb.shape[1]):
            tile = np.s_[top : top + TILE_PX, left : left + TILE_PX]
            total[tile] += network(rgb[tile]) * window
            weight[tile] += window
    total /= weight
    write(output, to_bytes(total))


if __name__ == "__main__":
    main(*sys.argv[1:])
