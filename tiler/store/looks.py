"""What a closer look at small subjects has found, on disk beside the journal, for every level and every process.

Files are written aside, synced and renamed: one for each window that was searched, one for each crop that was asked,
and at the end `chosen.json`, which names the crops that count.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiler.atomic import atomic_file
from tiler.core.consensus import Consensus
from tiler.core.geometry import Box, Span
from tiler.image.read.segment_cache import SegmentCache

STEPS = 65535
# Answers kept decoded: a few crops' worth, so that memory does not grow with the number of subjects.
CACHED_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """A crop that was asked closely. crop: in pixels of `level`, a level's index; unrolled where its columns wrap."""

    number: int
    level: int
    crop: Box


class Looks:
    """A directory of windows and crops. Safe from any thread, and from other processes once `choose` was called."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._answers = SegmentCache(self._read, CACHED_BYTES)
        self._chosen: tuple[Look, ...] | None = None

    def keep_window(self, number: int, boxes: list[Box]) -> None:
        """Keep the boxes of the subjects that window `number` shows."""
        self._write(f"window-{number}.json", json.dumps([_plain(box) for box in boxes]).encode())

    def window(self, number: int) -> list[Box] | None:
        """Return the boxes that window `number` shows; None if it was not searched."""
        path = self._root / f"window-{number}.json"
        return [_box(one) for one in json.loads(path.read_text())] if path.exists() else None

    def keep_answer(self, number: int, answer: Consensus) -> None:
        """Keep the answer to crop `number`, in 65536 steps."""
        self._root.mkdir(parents=True, exist_ok=True)
        with atomic_file(self._root / f"crop-{number}.npy") as file:
            np.save(file, np.rint(np.clip([answer.alpha, answer.spread], 0, 1) * STEPS).astype(np.uint16))

    def has_answer(self, number: int) -> bool:
        return (self._root / f"crop-{number}.npy").exists()

    def answer(self, number: int) -> Consensus:
        """Return the answer to crop `number`."""
        alpha, spread = (np.asarray(plane / np.float32(STEPS), np.float32) for plane in self._answers.get(number))
        return Consensus(alpha, spread)

    def choose(self, looks: list[Look]) -> None:
        """Say that all looks are there, and which of them count."""
        plain = [[look.number, look.level, *_plain(look.crop)] for look in looks]
        self._write("chosen.json", json.dumps(plain).encode())

    def chosen(self) -> tuple[Look, ...] | None:
        """Return the looks that count; None before `choose`."""
        path = self._root / "chosen.json"
        if self._chosen is None and path.exists():
            self._chosen = tuple(Look(n, level, _box(box)) for n, level, *box in json.loads(path.read_text()))
        return self._chosen

    def _read(self, number: int) -> NDArray[np.uint16]:
        return np.asarray(np.load(self._root / f"crop-{number}.npy"), np.uint16)

    def _write(self, name: str, data: bytes) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        with atomic_file(self._root / name) as file:
            file.write(data)


def _plain(box: Box) -> list[int]:
    return [box.rows.start, box.rows.stop, box.cols.start, box.cols.stop]


def _box(plain: list[int]) -> Box:
    top, bottom, left, right = plain
    return Box(Span(top, bottom), Span(left, right))
