"""A look at a run that is done, gathered while its network and its levels are still at hand."""

from collections.abc import Callable, Sequence

import numpy as np

from tiler.core.geometry import Box, Span
from tiler.core.plan import Level
from tiler.core.seams import Seam, Tile, overlap_box, worst_first
from tiler.engine.solve import Alpha, Scene, answer, guide_of, window
from tiler.image.colour import to_network
from tiler.inspect.snapshot import Crop, Shades, Snapshot
from tiler.model.retry import NoAnswerError

Answers = dict[tuple[int, int, int], Alpha]

# The longer side of the small picture: sharp on a laptop's screen, and half a megabyte as a JPEG.
PREVIEW_PX = 1600
# Side of a close-up, in pixels of its level: hair is still hair, and a cross-fade of 64 px fits.
CROP_PX = 96
# Rows of the full matte held at once while it is made small.
BAND_PX = 256


def collect(scene: Scene, seams: Sequence[Seam], crops: int = 10) -> Snapshot:
    """Return a look at a run that is done; `crops` close-ups cost two passes of the network each.

    scene: as `tiler.engine.solve.solve` left it.
    """
    levels = scene.plan.levels
    ranked = worst_first(seams)
    # Bad seams come in company: one tile is asked once for all of them.
    asked: Answers = {}
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
        crops=tuple(_crop(scene, seam, asked) for seam in shown),
    )


def _crop(scene: Scene, seam: Seam, asked: Answers) -> Crop:
    level = scene.plan.levels[seam.level]
    before, after = seam.tiles
    seen = Box(
        level.rows.read(before[0]).clip(level.rows.read(after[0])),
        level.cols.read(before[1]).clip(level.cols.read(after[1])),
    )
    place = overlap_box(level, seam)
    # The worst place is a real pixel; around the join of a panorama the seam is spoken of below 0.
    turns = (seam.worst_col, seam.worst_col - level.shape[1]) if level.cols.wraps else (seam.worst_col,)
    turn = min(turns, key=lambda col: abs(2 * col - place.cols.start - place.cols.stop))
    box = Box(_around(seam.worst_row, seen.rows), _around(turn, seen.cols))
    rgb = to_network(window(lambda part: scene.picture.read(level.index, part), box, level))
    blend = window(lambda part: scene.canvas.alpha(level.index, part), box, level)
    return Crop(
        seam=seam,
        box=box,
        picture=_shades(rgb),
        guide=_shades(255 * (blend if level.guide_scale is None else guide_of(scene, level, box))),
        before=_shades(255 * _said(scene, level, before, box, asked)),
        after=_shades(255 * _said(scene, level, after, box, asked)),
        blend=_shades(255 * blend),
    )


def _said(scene: Scene, level: Level, tile: Tile, box: Box, asked: Answers) -> Alpha:
    """Return what an unrolled tile says inside `box`; it is asked anew, and remembered in `asked`."""
    i, j = tile[0], tile[1] % level.cols.count
    turn = level.cols.read(tile[1]).start - level.cols.read(j).start
    own = Box(box.rows, box.cols.shift(-turn)).within(level.read(i, j))
    key = level.index, i, j
    if key not in asked:
        try:
            asked[key] = answer(scene, level, level.read(i, j))
        except NoAnswerError:  # as in the run itself
            asked[key] = guide_of(scene, level, level.read(i, j))
    return asked[key][own.slices]


def _around(middle: int, inside: Span) -> Span:
    """Return `CROP_PX` pixels around `middle`, shifted and cut to lie `inside`."""
    size = min(CROP_PX, inside.size)
    start = max(inside.start, min(middle - size // 2, inside.stop - size))
    return Span(start, start + size)


def _preview(scene: Scene) -> Shades:
    """Return the smallest level of the picture that fills the preview, made to fit it."""
    level = next((one for one in reversed(scene.plan.levels) if max(one.shape) >= PREVIEW_PX), scene.plan.levels[0])
    shape = _fitting(level.shape)
    return _shades(_shrunk(lambda box: to_network(scene.picture.read(level.index, box)), level.shape, shape))


def _small_matte(scene: Scene) -> Shades:
    level = scene.plan.levels[0]
    shrunk = _shrunk(lambda box: scene.canvas.alpha(0, box)[..., None], level.shape, _fitting(level.shape))
    return _shades(255 * shrunk[..., 0])


def _shrunk(read: Callable[[Box], Alpha], shape: tuple[int, int], target: tuple[int, int]) -> Alpha:
    """Return what `read` gives of `shape`, (h, w, n), shrunk to `target` by means over areas; in bands."""
    tops = np.arange(target[0] + 1) * shape[0] // target[0]
    lefts = np.arange(target[1] + 1) * shape[1] // target[1]
    at_once = max(1, BAND_PX * target[0] // shape[0])
    bands = []
    for first in range(0, target[0], at_once):
        own = tops[first : first + at_once + 1]
        pixels = read(Box(Span(int(own[0]), int(own[-1])), Span(0, shape[1])))
        sums = np.add.reduceat(np.add.reduceat(pixels, own[:-1] - own[0], axis=0), lefts[:-1], axis=1)
        bands.append(sums / (np.diff(own)[:, None] * np.diff(lefts))[..., None])
    return np.concatenate(bands).astype(np.float32)


def _fitting(shape: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, PREVIEW_PX / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _place(level: Level, seam: Seam) -> tuple[float, float, float, float]:
    box = overlap_box(level, seam)
    height, width = level.shape
    return box.rows.start / height, box.rows.stop / height, box.cols.start / width, box.cols.stop / width


def _shades(values: Alpha) -> Shades:
    """Return values in 0..255 as uint8, rounded to the nearest."""
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
