"""What a closer look at small subjects has found, on disk beside the journal, for every level and every process.

Files are sealed: one for each window that was searched, one for each crop that was asked, and at the end
`chosen.looks`, which names the crops that count. One that is damaged counts for nothing.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiler.core.consensus import Consensus
from tiler.core.geometry import Box, Span
from tiler.errors import OutputError
from tiler.image.read.segment_cache import SegmentCache
from tiler.sealed import DamagedFileError, is_whole, read_sealed, write_sealed

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
        self._write(self._window(number), json.dumps([_plain(box) for box in boxes]).encode())

    def window(self, number: int) -> list[Box] | None:
        """Return the boxes that window `number` shows; None if it was not searched."""
        try:
            return [_box(one) for one in json.loads(read_sealed(self._window(number)))]
        except (FileNotFoundError, DamagedFileError):
            return None

    def keep_answer(self, number: int, answer: Consensus) -> None:
        """Keep the answer to crop `number`, in 65536 steps."""
        data = io.BytesIO()
        np.save(data, np.rint(np.clip([answer.alpha, answer.spread], 0, 1) * STEPS).astype(np.uint16))
        self._write(self._crop(number), data.getvalue())

    def has_answer(self, number: int) -> bool:
        return is_whole(self._crop(number))

    def answer(self, number: int) -> Consensus:
        """Return the answer to crop `number`."""
        alpha, spread = (np.asarray(plane / np.float32(STEPS), np.float32) for plane in self._answers.get(number))
        return Consensus(alpha, spread)

    def choose(self, looks: list[Look]) -> None:
        """Say that all looks are there, and which of them count."""
        plain = [[look.number, look.level, *_plain(look.crop)] for look in looks]
        self._write(self._root / "chosen.looks", json.dumps(plain).encode())

    def chosen(self) -> tuple[Look, ...] | None:
        """Return the looks that count; None before `choose`, or if an answer to one of them was lost."""
        if self._chosen is None:
            try:
                found = json.loads(read_sealed(self._root / "chosen.looks"))
            except (FileNotFoundError, DamagedFileError):
                return None
            looks = tuple(Look(number, level, _box(box)) for number, level, *box in found)
            self._chosen = looks if all(self.has_answer(look.number) for look in looks) else None
        return self._chosen

    def _read(self, number: int) -> NDArray[np.uint16]:
        path = self._crop(number)
        try:
            return np.asarray(np.load(io.BytesIO(read_sealed(path))), np.uint16)
        except (FileNotFoundError, DamagedFileError) as error:
            raise OutputError(
                f"{path}: this closer look of the work folder is missing or damaged.",
                "Give the same command again: it is taken again.",
            ) from error

    def _window(self, number: int) -> Path:
        return self._root / f"{number}.window"

    def _crop(self, number: int) -> Path:
        return self._root / f"{number}.crop"

    def _write(self, path: Path, data: bytes) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        write_sealed(path, data)


def _plain(box: Box) -> list[int]:
    return [box.rows.start, box.rows.stop, box.cols.start, box.cols.stop]


def _box(plain: list[int]) -> Box:
    top, bottom, left, right = plain
    return Box(Span(top, bottom), Span(left, right))
