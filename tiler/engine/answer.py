"""What network, colours and guide come to for one box of a level."""

from collections.abc import Sequence
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from tiler.core.consensus import Consensus, consensus
from tiler.core.fusion import looked_at
from tiler.core.geometry import Box, Span
from tiler.core.plan import Level
from tiler.core.trimap import trimap_of
from tiler.engine.scene import Alpha, Scene, guide_of, known_at, spread_of, window
from tiler.image.colour import to_network
from tiler.image.hints import UNKNOWN, clamped
from tiler.model.fit import resized
from tiler.model.views import View, answer_of, fine_of


def answer(scene: Scene, level: Level, box: Box) -> Alpha:
    """Return the alpha of `box`, (h, w) float32; unrolled where the level wraps.

    At the base it is the consensus of all views. Above, it is the guide sharpened by the colours and, in levels whose
    tiles the network sees, by its answer as well.
    """
    if level.guide_scale is None:
        return agreed(
            scene, level, box, [view_answer(scene, level, box, view) for view in views_at(scene, level)]
        ).alpha
    scale = max(level.guide_scale)
    guide = guide_of(scene, level, box)
    if not network_sees(scene, level):
        return _by_colours(scene, level, box, guide, scale)
    rgb, spread = _rgb(scene, level, box), spread_of(scene, level, box)
    alpha = _tile_answer(scene, level, box, rgb, guide, spread)
    fused = scene.fuse(alpha, guide, rgb, scale, spread, scene.tile_noise)
    return clamped(np.maximum(fused, alpha), known_at(scene, level, box)) if scene.may_add else fused


def _by_colours(scene: Scene, level: Level, box: Box, guide: Alpha, scale: float) -> Alpha:
    """Return `guide`, which lies in `box`, sharpened by the colours alone; no more is read than the fusion looks at."""
    seen = looked_at(guide, scale)
    if seen is None:
        return guide
    part = Box(seen.rows.shift(box.rows.start), seen.cols.shift(box.cols.start))
    rgb, spread = _rgb(scene, level, part), spread_of(scene, level, part)
    fused = guide.copy()
    fused[seen.slices] = scene.fuse(None, guide[seen.slices], rgb, scale, spread, scene.tile_noise)
    return fused


def _rgb(scene: Scene, level: Level, box: Box) -> NDArray[np.float32]:
    return to_network(window(lambda part: scene.picture.read(level.index, part), box, level))


def _tile_answer(
    scene: Scene, level: Level, box: Box, rgb: NDArray[np.float32], guide: Alpha, spread: Alpha | None
) -> Alpha:
    """Return the network's alpha of a tile; one that has to be told what is known is given a trimap."""
    network = scene.tile_network or scene.network
    if not scene.tells_tiles:
        return network.alpha(rgb)
    assert level.guide_scale is not None
    trimap = trimap_of(guide, spread, max(level.guide_scale))
    return network.alpha(rgb, clamped(trimap, known_at(scene, level, box)))


def network_sees(scene: Scene, level: Level) -> bool:
    """Return whether the network sees the tiles of `level`."""
    above_base = scene.plan.levels[-1].index - level.index
    return scene.may_add or scene.network_levels is None or above_base <= scene.network_levels


def views_at(scene: Scene, level: Level) -> tuple[View, ...]:
    """Return the views of the base `level`: none of them larger than the picture, and none if the guide is known."""
    if scene.hints.guide is not None:
        return ()
    return tuple(view for view in scene.views if view.scale <= 1 or level.index > 0)


def agreed(scene: Scene, level: Level, box: Box, answers: Sequence[Alpha]) -> Consensus:
    """Return the consensus of the answers to `views_at` of a `box` of the base, or the guide of the user."""
    guide = scene.hints.guide
    if guide is not None:
        alpha = window(lambda part: guide[part.slices], box, level)
        found = Consensus(alpha, np.zeros_like(alpha))
    else:
        found = consensus(answers, fine_of(views_at(scene, level)), min(level.shape))
    known = known_at(scene, level, box)
    if known is None:
        return found
    return Consensus(clamped(found.alpha, known), np.where(known == UNKNOWN, found.spread, np.float32(0)))


def view_answer(scene: Scene, level: Level, box: Box, view: View) -> Alpha:
    """Return the network's alpha of one view of a box of the base, (h, w) float32 at the size of the box."""
    return answer_of(scene.network, _pixels(scene, level, box, view.scale), view, box.shape)


def _pixels(scene: Scene, base: Level, box: Box, scale: float) -> NDArray[np.float32]:
    """Return the (h, w, 3) RGB pixels, 0..255, of a box of the base, unrolled, at `scale` times its size.

    They are taken from the base or, for a larger scale, from the level above it.
    """
    shape = (max(1, round(box.rows.size * scale)), max(1, round(box.cols.size * scale)))
    level = scene.plan.levels[base.index - 1] if scale > 1 else base
    return shown(scene, level, box, base.shape, shape)


def shown(scene: Scene, level: Level, box: Box, whole: tuple[int, int], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the (h, w, 3) RGB pixels, 0..255, of a box of the picture resized to `shape`, taken from `level`.

    box: in pixels of the picture at the size `whole`, (height, width); unrolled.
    """
    down, across = level.shape[0] / whole[0], level.shape[1] / whole[1]
    top, left = box.rows.start * down, box.cols.start * across
    bottom, right = box.rows.stop * down, box.cols.stop * across
    outer = Box(Span(floor(top), ceil(bottom)), Span(floor(left), ceil(right)))
    rgb = _rgb(scene, level, outer)
    if rgb.shape[:2] == shape:
        return rgb
    part = (left - outer.cols.start, top - outer.rows.start, right - outer.cols.start, bottom - outer.rows.start)
    planes = [resized(np.ascontiguousarray(rgb[..., channel]), shape, part) for channel in range(3)]
    return np.clip(np.stack(planes, axis=-1), 0, 255)
