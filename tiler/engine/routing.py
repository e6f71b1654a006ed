"""Which tiles of a level run: the base says which never will, and the level below, tile by tile, which others do.

So the tasks of all levels are known before any level above the base is done.
"""

from dataclasses import dataclass

from tiler.core.geometry import Axis, Box, Span
from tiler.core.guide import ALL_MARGINS_PX, tiles_open_at_base, uncertain_tiles
from tiler.core.plan import Level
from tiler.core.region import tiles_in
from tiler.engine.scene import Scene, closer_at, read_below

Tiles = frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Route:
    """The tiles (row, column) of a level that may run.

    asked: those that run if their guide is uncertain. certain: those that run in any case.
    """

    asked: Tiles = frozenset()
    certain: Tiles = frozenset()

    @property
    def tiles(self) -> Tiles:
        return self.asked | self.certain


def route(scene: Scene, level: Level, *, dense: bool, detail: bool, from_base: bool) -> Route:
    """Return which tiles of `level`, which is not the base, may run; the base and the closer looks are done.

    dense, detail: as `tiler.engine.solve.solve` takes them. from_base: no level between adds anything that the base
    does not show, so that tiles may be left out which are saturated there. Where `scene.may_add`, all tiles run.
    """
    inside = tiles_in(level, scene.regions, scene.plan.shapes[0])
    if scene.may_add or (dense and detail):
        return Route(certain=inside)
    if not detail:
        return Route()
    certain = inside & _in_crops(scene, level, level)
    asked = inside & _open(scene, level) if from_base and scene.hints.trimap is None else inside
    return Route(asked - certain, certain)


def is_uncertain(scene: Scene, level: Level, i: int, j: int) -> bool:
    """Return whether tile (i, j) has an uncertain guide; the blocks under it are done."""
    return bool(_uncertain(scene, level, frozenset([(i, j)])))


def running(scene: Scene, level: Level, which: Route) -> Tiles:
    """Return the tiles of `which` that run, or have run; the level below is done."""
    return which.certain | _uncertain(scene, level, which.asked)


def _uncertain(scene: Scene, level: Level, tiles: Tiles) -> Tiles:
    return uncertain_tiles(read_below(scene, level), level, scene.plan.levels[level.index + 1], tiles)


def _open(scene: Scene, level: Level) -> Tiles:
    """Return the tiles of `level` that may be uncertain, as far as the base and closer looks say."""
    base = scene.plan.levels[-1]
    found = tiles_open_at_base(lambda box: scene.canvas.alpha(base.index, box), level, base)
    return found.union(*(_in_crops(scene, level, shown_at) for shown_at in scene.plan.levels[level.index : -1]))


def _in_crops(scene: Scene, level: Level, shown_at: Level) -> Tiles:
    """Return the tiles of `level` on which a closer look has bearing whose answer is the guide of `shown_at`."""
    crops = [
        Box(_around(shown_at.rows, look.crop.rows), cols)
        for look in closer_at(scene, shown_at)
        for cols in shown_at.cols.pieces(_around(shown_at.cols, look.crop.cols))
    ]
    return tiles_in(level, crops, shown_at.shape) if crops else frozenset()


def _around(axis: Axis, span: Span) -> Span:
    """Return `span` of `axis`, and as far around it as the guides of finer levels look."""
    grown = span.grow(ALL_MARGINS_PX)
    return grown if axis.wraps else grown.clip(Span(0, axis.size))
