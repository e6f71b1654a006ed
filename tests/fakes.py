"""Exact stand-ins for the slow and the heavy: networks that are formulas, pictures and canvases that are arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tiler.core.geometry import Box
from tiler.core.plan import Plan
from tiler.core.seams import Seam
from tiler.store.canvas import WHITE


class RedIsAlpha:
    """An identity network: alpha is the red channel, exact and local."""

    card = None

    def alpha(self, rgb):
        return (rgb[..., 0] / np.float32(255)).astype(np.float32)


class ColourKey:
    """Alpha from colour alone: green is background; local, exact and not linear."""

    card = None

    def alpha(self, rgb):
        return np.clip((rgb[..., 0] - 0.5 * rgb[..., 1]) / np.float32(200), 0, 1).astype(np.float32)


@dataclass
class LiesInTiles:
    """Right on the whole picture, whose shape it is given, and wrong in every tile: `lie` says how."""

    whole: tuple[int, int]
    lie: str
    card = None

    def alpha(self, rgb):
        if rgb.shape[:2] == self.whole:
            return RedIsAlpha().alpha(rgb)
        if self.lie == "noise":
            return np.random.default_rng(int(rgb.sum()) % 2**32).random(rgb.shape[:2], np.float32)
        return np.full(rgb.shape[:2], {"zeros": 0.0, "ones": 1.0, "half": 0.5}[self.lie], np.float32)


class ArrayPicture:
    """The levels of a picture as arrays: 2x2 means, and area means for the last step."""

    def __init__(self, pixels, plan: Plan):
        self.levels = [pixels]
        for shape in plan.shapes[1:]:
            self.levels.append(shrink(self.levels[-1], shape))

    def read(self, level: int, box: Box):
        assert 0 <= box.rows.start < box.rows.stop <= self.levels[level].shape[0]
        assert 0 <= box.cols.start < box.cols.stop <= self.levels[level].shape[1]
        return self.levels[level][box.slices]


class ArrayCanvas:
    """A canvas in memory that remembers in which order its blocks were written."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.levels = [np.zeros(shape, np.uint16) for shape in plan.shapes]
        self.written: list[tuple[int, Box]] = []
        self.finished: list[frozenset[tuple[int, int]]] = [frozenset()] * len(plan.levels)
        self.spreads = np.zeros(plan.shapes[-1], np.float32)
        self.seams: dict[tuple[int, int, int], tuple[Seam, ...]] = {}

    def done(self, level: int):
        return self.finished[level]

    def spread(self, box: Box):
        return self.spreads[box.slices]

    def write(self, level: int, i: int, j: int, alpha, seams=(), spread=None) -> None:
        box = self.plan.levels[level].block(i, j)
        self.levels[level][box.slices] = np.rint(np.clip(alpha, 0, 1) * WHITE).astype(np.uint16)
        self.seams[level, i, j] = tuple(seams)
        if spread is not None:
            self.spreads[box.slices] = spread
        self.written.append((level, box))

    def alpha(self, level: int, box: Box):
        return (self.levels[level][box.slices] / np.float32(WHITE)).astype(np.float32)


class EmptyJournal:
    """A journal that keeps no tile, and lists those that failed."""

    def __init__(self):
        self.listed = []

    def keep(self, level, i, j, alpha) -> None: ...

    def forget(self, level, i) -> None: ...

    def kept(self, level):
        return frozenset()

    def of_view(self, _number):
        return self

    def forget_views(self) -> None: ...

    def fail(self, tile) -> None:
        self.listed.append(tile)

    def failed(self):
        return tuple(self.listed)


@dataclass
class RecordedProgress:
    """Progress that records its stages, steps and notes."""

    stages: list[tuple[str, int]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def stage(self, name: str, total: int) -> None:
        self.stages.append((name, total))
        self.steps.append(0)

    def advance(self, steps: int = 1) -> None:
        self.steps[-1] += steps

    def note(self, text: str) -> None:
        self.notes.append(text)


def take_tile(tile_alpha, *_):
    """No fusing: the tile's answer as it is."""
    return tile_alpha


def shrink(pixels, shape: Sequence[int]):
    """Return `pixels` at `shape` by averaging the source pixels nearest to each target pixel."""
    rows = np.minimum(np.arange(pixels.shape[0]) * shape[0] // pixels.shape[0], shape[0] - 1)
    cols = np.minimum(np.arange(pixels.shape[1]) * shape[1] // pixels.shape[1], shape[1] - 1)
    sums = np.zeros((*shape, 3))
    np.add.at(sums, (rows[:, None], cols[None, :]), pixels.astype(float))
    counts = np.bincount(rows, minlength=shape[0])[:, None] * np.bincount(cols, minlength=shape[1])[None, :]
    return np.rint(sums / np.maximum(counts, 1)[..., None]).astype(pixels.dtype)
