"""Collect the snapshot of a run, while its network, its levels and its canvas are still open."""

from collections.abc import Callable, Sequence

import numpy as np

from tiler.core.doubt import Place
from tiler.core.geometry import Box, Span
from tiler.core.plan import Level
from tiler.core.seams import Seam, Tile, overlap_box, worst_first
from tiler.engine.answer import answer
from tiler.engine.scene import Alpha, Scene, guide_of, window
from tiler.image.colour import to_network
from tiler.inspect.snapshot import STEPS, Crop, Snapshot, Uint8
from tiler.model.retry import NoAnswerError

Answers = dict[tuple[int, int, int], Alpha]  # by level, row and column of the tile

# The longer side of the small picture. At this size it is sharp on a laptop's screen, and half a megabyte as a JPEG.
PREVIEW_PX = 1600
# Side of a close-up, in pixels of its level. Single hairs can be seen, and a cross-fade of 64 px fits.
CROP_PX = 96
# Rows of the full matte that are in memory at once while it is shrunk.
BAND_PX = 256


def collect(scene: Scene, seams: Sequence[Seam], look_here: tuple[Place, ...] = (), crops: int = 10) -> Snapshot:
    """Return the snapshot of a run that is done.

    scene: as `tiler.engine.solve.solve` left it. seams: those measured during the run. look_here: the
    doubtful places. crops: how many close-ups to
    make; each takes two passes of the network at most.
    """
    levels = scene.plan.levels
    ranked = worst_first(seams)
    # A bad tile has several bad seams; the network runs on it once for all of them.
    answers: Answers = {}
    shown = [seam for seam in ranked[:crops] if seam.worst > 0]
    rows, cols = levels[0].rows, levels[0].cols
    return Snapshot(
        shape=levels[0].shape,
        levels=scene.plan.shapes,
        picture=_preview(scene),
        matte=_small_matte(scene),
        seams=tuple(ranked),
        places=np.array([_place(levels[seam.level], seam) for seam in ranked], np.float64).reshape(-1, 4),
        grid=(
            np.array([rows.block(i).start / rows.size for i in range(1, rows.count)], np.float64),
            np.array([cols.block(j).start / cols.size for j in range(1, cols.count)], np.float64),
        ),
        crops=tuple(_crop(scene, seam, answers) for seam in shown),
        look_here=look_here,
    )


def _crop(scene: Scene, seam: Seam, answers: Answers) -> Crop:
    level = scene.plan.levels[seam.level]
    before, after = seam.tiles
    seen_by_both = Box(
        level.rows.read(before[0]).clip(level.rows.read(after[0])),
        level.cols.read(before[1]).clip(level.cols.read(after[1])),
    )
    place = overlap_box(level, seam)
    # The worst place is a pixel of the level. At the join of a panorama the overlap has columns below 0, so the worst
    # column is taken on the side of the join where the overlap is.
    candidates = (seam.worst_col, seam.worst_col - level.shape[1]) if level.cols.wraps else (seam.worst_col,)
    col = min(candidates, key=lambda col: abs(2 * col - place.cols.start - place.cols.stop))
    box = Box(_around(seam.worst_row, seen_by_both.rows), _around(col, seen_by_both.cols))
    rgb = to_network(window(lambda part: scene.picture.read(level.index, part), box, level))
    return Crop(
        seam=seam,
        box=box,
        picture=_uint8(rgb),
        guide=_uint8(STEPS * _guide(scene, level, box)),
        before=_uint8(STEPS * _tile_alpha(scene, level, before, box, answers)),
        after=_uint8(STEPS * _tile_alpha(scene, level, after, box, answers)),
        blend=_uint8(STEPS * _finished(scene, level, box)),
    )


def _tile_alpha(scene: Scene, level: Level, tile: Tile, box: Box, answers: Answers) -> Alpha:
    """Return the alpha of an unrolled tile inside `box`; each tile is computed once and kept in `answers`."""
    i, j = tile[0], tile[1] % level.cols.count
    shift = level.cols.read(tile[1]).start - level.cols.read(j).start
    inside_tile = Box(box.rows, box.cols.shift(-shift)).within(level.read(i, j))
    key = level.index, i, j
    if key not in answers:
        try:
            answers[key] = answer(scene, level, level.read(i, j))
        except NoAnswerError:  # the guide takes its place, as in the run itself
            answers[key] = _guide(scene, level, level.read(i, j))
    return answers[key][inside_tile.slices]


def _guide(scene: Scene, level: Level, box: Box) -> Alpha:
    """Return the guide of `level` inside an unrolled `box`; the base has none, so there it is the finished alpha."""
    return _finished(scene, level, box) if level.guide_scale is None else guide_of(scene, level, box)


def _finished(scene: Scene, level: Level, box: Box) -> Alpha:
    """Return the alpha on the canvas inside an unrolled `box`."""
    return window(lambda part: scene.canvas.alpha(level.index, part), box, level)


def _around(middle: int, inside: Span) -> Span:
    """Return the `CROP_PX` pixels around `middle`, shifted and shortened so that they lie `inside`."""
    size = min(CROP_PX, inside.size)
    start = max(inside.start, min(middle - size // 2, inside.stop - size))
    return Span(start, start + size)


def _preview(scene: Scene) -> Uint8:
    """Return the picture at preview size, shrunk from the smallest level that is large enough."""
    level = next((one for one in reversed(scene.plan.levels) if max(one.shape) >= PREVIEW_PX), scene.plan.levels[0])
    shape = _preview_shape(level.shape)
    return _uint8(_shrunk(lambda box: to_network(scene.picture.read(level.index, box)), level.shape, shape))


def _small_matte(scene: Scene) -> Uint8:
    level = scene.plan.levels[0]
    shrunk = _shrunk(lambda box: scene.canvas.alpha(0, box)[..., None], level.shape, _preview_shape(level.shape))
    return _uint8(STEPS * shrunk[..., 0])


def _shrunk(read: Callable[[Box], Alpha], shape: tuple[int, int], target: tuple[int, int]) -> Alpha:
    """Return the pixels that `read` gives, (h, w, n) of `shape`, shrunk to `target` by means over areas.

    The pixels are read in bands of about `BAND_PX` rows.
    """
    tops = np.arange(target[0] + 1) * shape[0] // target[0]
    lefts = np.arange(target[1] + 1) * shape[1] // target[1]
    rows_per_band = max(1, BAND_PX * target[0] // shape[0])
    bands = []
    for first in range(0, target[0], rows_per_band):
        edges = tops[first : first + rows_per_band + 1]
        pixels = read(Box(Span(int(edges[0]), int(edges[-1])), Span(0, shape[1])))
        sums = np.add.reduceat(np.add.reduceat(pixels, edges[:-1] - edges[0], axis=0), lefts[:-1], axis=1)
        bands.append(sums / (np.diff(edges)[:, None] * np.diff(lefts))[..., None])
    return np.concatenate(bands).astype(np.float32)


def _preview_shape(shape: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, PREVIEW_PX / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _place(level: Level, seam: Seam) -> tuple[float, float, float, float]:
    """Return the (top, bottom, left, right) of the overlap at `seam`, as fractions of the level's height and width."""
    box = overlap_box(level, seam)
    height, width = level.shape
    return box.rows.start / height, box.rows.stop / height, box.cols.start / width, box.cols.stop / width


def _uint8(values: Alpha) -> Uint8:
    """Return `values`, 0..255, as uint8, rounded to the nearest."""
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
