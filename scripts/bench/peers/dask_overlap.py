"""Every chunk by the network with `dask.array.map_overlap`, read and written chunk by chunk; nothing is blended."""

import os
import sys
from pathlib import Path

import dask
import dask.array
import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from modnet import OVERLAP_PX, TILE_PX, open_network, to_bytes, write


def main(picture: str, graph: str, output: str) -> None:
    """Matte `picture`; a chunk and half of the overlap on every side make a tile."""
    network = open_network(graph, threads=1)

    def answer(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return to_bytes(network(rgb))[..., None]

    side, margin = TILE_PX - OVERLAP_PX, OVERLAP_PX // 2
    with tifffile.imread(picture, aszarr=True) as store:
        rgb = dask.array.from_zarr(zarr.open(store, mode="r")).rechunk((side, side, 3))  # type: ignore[no-untyped-call]
        depth = {0: margin, 1: margin, 2: 0}
        padded = dask.array.overlap.overlap(rgb, depth, boundary="reflect")  # type: ignore[no-untyped-call]
        answers = padded.map_blocks(answer, dtype=np.uint8, chunks=(*padded.chunks[:2], (1,)))
        alpha = dask.array.overlap.trim_internal(answers, depth, boundary="reflect")[..., 0]  # type: ignore[no-untyped-call]
        found = np.lib.format.open_memmap(Path(output).with_name("alpha.npy"), "w+", np.uint8, alpha.shape)
        with dask.config.set(scheduler="threads", num_workers=os.cpu_count()):
            dask.array.store(alpha, found, lock=False)
    write(output, found)


if __name__ == "__main__":
    main(*sys.argv[1:])
