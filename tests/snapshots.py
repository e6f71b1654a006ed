"""The snapshot of a run that did not take place: a soft disc under four tiles, one of which is wrong."""

import numpy as np

from tests.core.test_blending import unrolled
from tiler.core.doubt import Place
from tiler.core.geometry import Axis, Box, Span
from tiler.core.plan import Level
from tiler.core.seams import measure_block, overlap_box, worst_first
from tiler.inspect.snapshot import Crop, Snapshot

SHAPE = (180, 240)
OFF = 30 / 255


def level_of(shape=SHAPE):
    return Level(0, Axis.tiled(shape[0], 128, 64), Axis.tiled(shape[1], 128, 64), (2.0, 2.0))


def disc(shape=SHAPE):
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(y - shape[0] / 2, x - shape[1] / 2) / min(shape)
    return np.clip((0.35 - distance) * 5 + 0.5, 0, 1).astype(np.float32)


def a_snapshot(off=OFF):
    """Return the snapshot of a run in which the alpha of tile (0, 1) is too large by `off`."""
    level, alpha = level_of(), disc()
    tiles = {tile: unrolled(alpha, level.support(*tile)) for tile in level.tiles}
    tiles[0, 1] = np.clip(tiles[0, 1] + np.float32(off), 0, 1)
    seams = worst_first([seam for i, j in level.tiles for seam in measure_block(level, i, j, tiles, None)])
    grey = np.rint(alpha * 255).astype(np.uint8)
    picture = np.stack([grey, grey // 2 + 60, 255 - grey], axis=-1)
    height, width = SHAPE
    places = [overlap_box(level, seam) for seam in seams]
    crops = []
    for seam in seams[:3]:
        rows = Span(max(0, seam.worst_row - 20), min(height, seam.worst_row + 20))
        cols = Span(max(0, seam.worst_col - 20), min(width, seam.worst_col + 20))
        box = Box(rows, cols)
        crops.append(Crop(seam, box, picture[box.slices], *(grey[box.slices] for _ in range(4))))
    return Snapshot(
        shape=SHAPE,
        levels=(SHAPE, (90, 120)),
        picture=picture,
        matte=grey,
        seams=tuple(seams),
        places=np.array(
            [(b.rows.start / height, b.rows.stop / height, b.cols.start / width, b.cols.stop / width) for b in places]
        ),
        grid=(
            np.array([level.rows.block(i).start / height for i in range(1, level.rows.count)]),
            np.array([level.cols.block(j).start / width for j in range(1, level.cols.count)]),
        ),
        crops=tuple(crops) if off else (),
        look_here=(Place(20, 30, 40, 50, 0.25),),
    )


def a_report():
    """Return the JSON of the report of that run, parsed."""
    return {
        "source": "/photos/<b>Ann & Ben</b>.tif",
        "output": "/photos/out.tif",
        "shape": list(SHAPE),
        "levels": [
            {"level": 0, "shape": list(SHAPE), "tiles_run": 3, "tiles_skipped": 1, "tiles_kept": 0, "seconds": 1.0}
        ],
        "seconds": {"load model": 1.0, "matte": 2.5},
        "model": {"name": "modnet", "sha256": "ab" * 32, "precision": "f32", "facts": []},
        "versions": {"python": "3.11.2"},
        "machine": "a machine",
    }
