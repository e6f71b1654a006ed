"""What the engine needs around it, in memory, and a network that remembers what it answered."""

import hashlib
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tiler.core.geometry import Box
from tiler.core.plan import Plan
from tiler.core.seams import Seam
from tiler.image.colour import to_network
from tiler.image.open import open_source
from tiler.image.pyramid import build
from tiler.image.source import Pixels
from tiler.model.card import ModelCard
from tiler.model.network import Network
from tiler.progress import Silent
from tiler.store.canvas import WHITE
from tiler.store.journal import FailedTile

Alpha = NDArray[np.float32]


class Remembering:
    """A network whose answers are kept in a directory, rounded to 16 bits, under the sha256 of what it was asked."""

    def __init__(self, network: Network, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._network = network
        self._directory = directory

    @property
    def card(self) -> ModelCard:
        return self._network.card

    def alpha(self, rgb: NDArray[np.float32]) -> Alpha:
        asked = hashlib.sha256(repr((self.card.name, rgb.shape)).encode())
        asked.update(rgb.tobytes())
        path = self._directory / f"{asked.hexdigest()[:32]}.npy"
        if not path.exists():
            answer = np.rint(self._network.alpha(rgb) * WHITE).astype(np.uint16)
            aside = path.with_suffix(".part")
            with aside.open("wb") as file:
                np.save(file, answer)
            aside.replace(path)
        return np.asarray(np.load(path) / np.float32(WHITE), np.float32)


class Knowing:
    """A network that answers tiles with the truth; the base, of which it is told nothing, another answers."""

    def __init__(self, plan: Plan, levels: "Levels", truth: Alpha, network: Network) -> None:
        self.card = network.card
        self._network = network
        self._known = truth_by_tile(plan, levels, truth)

    def alpha(self, rgb: NDArray[np.float32]) -> Alpha:
        known = self._known.get(hashlib.sha256(rgb.tobytes()).digest())
        return self._network.alpha(rgb) if known is None else known


def truth_by_tile(plan: Plan, levels: "Levels", truth: Alpha) -> dict[bytes, Alpha]:
    """Return the true alpha of every tile above the base, under the sha256 of the pixels that a network is asked."""
    known = {}
    for level in plan.levels[:-1]:
        small = Image.fromarray(truth).resize((level.shape[1], level.shape[0]), Image.Resampling.BOX)
        for i, j in level.tiles:
            box = level.read(i, j)
            asked = to_network(levels.read(level.index, box)).tobytes()
            known[hashlib.sha256(asked).digest()] = np.asarray(small)[box.slices]
    return known


class Levels:
    """A picture at every level of a plan, as arrays."""

    def __init__(self, path: Path, plan: Plan) -> None:
        with closing(open_source(path)) as source, TemporaryDirectory() as scratch:
            pyramid = build(source, plan.shapes, Path(scratch) / "pyramid", Silent())
            self._pixels = [pyramid.read(level.index, Box.whole(level.shape)) for level in plan.levels]

    def read(self, level: int, box: Box) -> Pixels:
        return self._pixels[level][box.slices]


class Sheet:
    """A canvas in memory; levels that are given count as done."""

    def __init__(self, plan: Plan, given: dict[int, Alpha]) -> None:
        self._steps = [np.zeros(level.shape, np.uint16) for level in plan.levels]
        self._done = {index: frozenset(plan.levels[index].tiles) for index in given}
        for index, alpha in given.items():
            self.write(index, Box.whole(alpha.shape), alpha)

    def found(self, level: int) -> frozenset[tuple[int, int]]:
        return self._done.get(level, frozenset())

    def write(self, level: int, box: Box, alpha: Alpha) -> None:
        self._steps[level][box.slices] = np.rint(np.clip(alpha, 0, 1) * WHITE).astype(np.uint16)

    def write_seams(self, level: int, i: int, j: int, seams: tuple[Seam, ...]) -> None:
        """Let them go."""

    def alpha(self, level: int, box: Box) -> Alpha:
        return np.asarray(self._steps[level][box.slices] / np.float32(WHITE), np.float32)


@dataclass
class Forgetful:
    """A journal that keeps nothing but the tiles that failed."""

    tiles: list[FailedTile] = field(default_factory=list)

    def keep(self, level: int, i: int, j: int, alpha: Alpha) -> None:
        """Keep nothing."""

    def forget(self, level: int, i: int) -> None:
        """There is nothing to forget."""

    def kept(self, _level: int) -> frozenset[tuple[int, int]]:
        return frozenset()

    def fail(self, tile: FailedTile) -> None:
        self.tiles.append(tile)
