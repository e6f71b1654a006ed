"""What the tasks of a run share, and how a box of it is read."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box
from tiler.core.guide import enlarge
from tiler.core.plan import Level, Plan
from tiler.image.hints import NOTHING, Hints, clamped, known_in
from tiler.image.source import Pixels
from tiler.model.network import Network
from tiler.model.views import AS_IT_IS, View
from tiler.progress import Progress
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal

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
        /,
    ) -> Alpha: ...


@dataclass(frozen=True)
class Scene:
    """Everything that the tasks of a run share; each part may be used from any thread.

    views: in which the base is shown to the network. network_levels: in so many levels above the base the network sees
    the tiles; None: in all. hints: what is known beforehand. regions: where tiles run, in pixels of the picture; none
    stands for all of it. strict: a tile without an answer ends the run; otherwise the guide takes its place, and
    the journal lists it. backlog_tiles: at least so many tiles may wait for the blocks above them, so that rows of a
    few tiles keep all threads at work. may_add: a tile's own alpha may add foreground that the guide does not show.
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


def guide_of(scene: Scene, level: Level, box: Box) -> Alpha:
    """Return the guide of `level`, which is not the base, inside `box`, (h, w) float32; unrolled where it wraps."""
    guide = enlarge(read_below(scene, level), box, level, scene.plan.levels[level.index + 1])
    return clamped(guide, known_at(scene, level, box))


def spread_of(scene: Scene, level: Level, box: Box) -> Alpha | None:
    """Return how far the views of the base part in `box`, (h, w) float32 in 0..1, unrolled; None of a single view.

    A guide of the user's is taken to be right, so its spread is 0.
    """
    if scene.hints.guide is None and len(scene.views) == 1:
        return None
    base = scene.plan.levels[-1]
    scale = (level.shape[0] / base.shape[0], level.shape[1] / base.shape[1])
    return enlarge(scene.canvas.spread, box, replace(level, guide_scale=scale), base)


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
