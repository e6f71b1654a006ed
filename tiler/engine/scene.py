"""What the tasks of a run share, and how a box of it is read."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tiler.core.consensus import Consensus
from tiler.core.fusion import TILE_NOISE
from tiler.core.geometry import Axis, Box
from tiler.core.guide import enlarge
from tiler.core.plan import Level, Plan
from tiler.core.subjects import fade, scaled
from tiler.image.hints import NOTHING, Hints, clamped, known_in
from tiler.image.source import Pixels
from tiler.model.card import ModelCard
from tiler.model.fit import resized
from tiler.model.network import Network
from tiler.model.views import AS_IT_IS, View, looks_closer, network_levels_of, views_of
from tiler.progress import Progress
from tiler.recipe import tiling_of
from tiler.settings import MattingOptions
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal
from tiler.store.looks import Look, Looks

Alpha = NDArray[np.float32]


class Picture(Protocol):
    """The picture at every level of the plan."""

    def read(self, level: int, box: Box) -> Pixels:
        """Return the (h, w, 3) RGB pixels of a box inside the level, uint8 or uint16. Safe from any thread."""


class Fuse(Protocol):
    """How a tile's alpha and the guide become one; `tiler.core.fusion.fuse` describes each argument."""

    def __call__(
        self,
        tile_alpha: Alpha | None,
        guide: Alpha,
        rgb: NDArray[np.float32],
        guide_scale: float,
        spread: Alpha | None,
        tile_noise: float,
        /,
    ) -> Alpha: ...


@dataclass(frozen=True)
class Scene:
    """Everything that the tasks of a run share; each part may be used from any thread.

    network: sees the base and takes the closer look. tile_network: sees the tiles; None: `network` does. tile_noise:
    how far off its shades are there. tells_tiles: it is given a trimap with every tile. views: in which the base is
    shown to the network. network_levels: in so many levels above the base the tiles are shown to a network; None: in
    all. hints: what is known beforehand. regions: where tiles run, in pixels of the picture; none
    stands for all of it. strict: a tile without an answer ends the run; otherwise the guide takes its place, and
    the journal lists it. backlog_tiles: at least so many tiles may wait for the blocks above them, so that rows of a
    few tiles keep all threads at work. may_add: a tile's own alpha may add foreground that the guide does not show.
    looks: where closer answers to small subjects are kept; None: no closer look is taken.
    """

    plan: Plan
    picture: Picture
    network: Network
    fuse: Fuse
    canvas: Canvas
    journal: Journal
    progress: Progress
    views: tuple[View, ...] = (AS_IT_IS,)
    network_levels: int | None = None
    hints: Hints = NOTHING
    regions: tuple[Box, ...] = ()
    strict: bool = False
    backlog_tiles: int = 0
    may_add: bool = False
    looks: Looks | None = None
    tile_network: Network | None = None
    tile_noise: float = TILE_NOISE
    tells_tiles: bool = False


def for_network(scene: Scene, card: ModelCard, matting: MattingOptions) -> Scene:
    """Return `scene` with the views, the network levels and the closer looks that card and options ask for.

    card: that of the network, or of the two as one.
    """
    return replace(
        scene,
        views=views_of(card, tiling_of(card, matting).guide_px, matting.views),
        network_levels=network_levels_of(card, matting.network_levels),
        looks=scene.journal.looks if looks_closer(card) else None,
        tile_noise=TILE_NOISE if card.noise is None else card.noise,
        tells_tiles=card.input.trimap is not None,
    )


def guide_of(scene: Scene, level: Level, box: Box) -> Alpha:
    """Return the guide of `level`, which is not the base, inside `box`, (h, w) float32; unrolled where it wraps.

    It is the alpha of the level below, enlarged, and in the crops of this level the closer answer.
    """
    guide = enlarge(read_below(scene, level), box, level, scene.plan.levels[level.index + 1])
    guide = _with_closer(scene, level, box, guide, lambda closer: closer.alpha)
    return clamped(guide, known_at(scene, level, box))


def spread_of(scene: Scene, level: Level, box: Box) -> Alpha | None:
    """Return how far the views of the base part in `box`, (h, w) float32 in 0..1, unrolled; None of a single view.

    A guide of the user's is taken to be right, so its spread is 0.
    """
    if scene.hints.guide is None and len(scene.views) == 1:
        return None
    base = scene.plan.levels[-1]
    scale = (level.shape[0] / base.shape[0], level.shape[1] / base.shape[1])
    spread = enlarge(scene.canvas.spread, box, replace(level, guide_scale=scale), base)
    for finer in scene.plan.levels[level.index : -1]:
        spread = _with_closer(scene, finer, box, spread, lambda closer: closer.spread, level)
    return spread


def closer_at(scene: Scene, level: Level) -> tuple[Look, ...]:
    """Return the closer looks whose answers are the guide of `level`."""
    found = scene.looks.chosen() if scene.looks is not None else None
    return tuple(look for look in found or () if look.level == level.index)


def _with_closer(
    scene: Scene,
    level: Level,
    box: Box,
    plane: Alpha,
    part: Callable[[Consensus], Alpha],
    shown_at: Level | None = None,
) -> Alpha:
    """Return `plane`, which lies in `box`, with the closer answers of `level` faded in.

    shown_at: the level whose pixels `box` is in; `level` itself if None. Where crops overlap, their answers are mixed
    in the ratio of their weights. A pixel does not depend on the box.
    """
    here = shown_at or level
    total, mixed = np.zeros_like(plane), np.zeros_like(plane)
    for look in closer_at(scene, level):
        assert scene.looks is not None
        crop = scaled(look.crop, level.shape, here.shape)
        for turn in (-here.cols.size, 0, here.cols.size) if here.cols.wraps else (0,):
            moved = Box(crop.rows, crop.cols.shift(turn))
            common = Box(moved.rows.clip(box.rows), moved.cols.clip(box.cols))
            if 0 in common.shape:
                continue
            inside = common.within(moved)
            weight = fade(crop.shape, inside)
            total[common.within(box).slices] += weight
            mixed[common.within(box).slices] += weight * _at_size(
                part(scene.looks.answer(look.number)), crop.shape, inside
            )
    if not total.any():
        return plane
    share = np.minimum(total, 1)
    found = plane * (1 - share) + mixed * (share / np.maximum(total, np.float32(1e-6)))
    return np.asarray(np.clip(found, 0, 1), np.float32)


def _at_size(plane: Alpha, shape: tuple[int, int], box: Box) -> Alpha:
    """Return the part inside `box` of a `plane` brought to `shape`; a pixel does not depend on the box."""
    if shape[0] <= plane.shape[0]:
        return np.clip(resized(plane, shape)[box.slices], 0, 1)
    scale = (shape[0] / plane.shape[0], shape[1] / plane.shape[1])
    level, below = (
        Level(0, Axis.single(rows), Axis.single(cols), scale)
        for rows, cols in (shape, (plane.shape[0], plane.shape[1]))
    )
    return enlarge(lambda part: plane[part.slices], box, level, below)


def known_at(scene: Scene, level: Level, box: Box) -> NDArray[np.uint8] | None:
    """Return what the trimap says of `box`, unrolled where the level wraps, as `known_in` does; None without one."""
    trimap = scene.hints.trimap
    return None if trimap is None else window(lambda part: known_in(trimap, part, level.shape), box, level)


def read_below(scene: Scene, level: Level) -> Callable[[Box], Alpha]:
    """Return the function that reads the alpha of the level below `level`."""
    return lambda box: scene.canvas.alpha(level.index + 1, box)


def window(read: Callable[[Box], NDArray[Any]], box: Box, level: Level) -> NDArray[Any]:
    """Return `read(box)` for an unrolled box, joined from its real pieces where the level wraps."""
    rows, cols = list(level.rows.pieces(box.rows)), list(level.cols.pieces(box.cols))
    if len(rows) == len(cols) == 1:
        return read(Box(rows[0], cols[0]))
    return np.concatenate([np.concatenate([read(Box(r, c)) for c in cols], axis=1) for r in rows], axis=0)
