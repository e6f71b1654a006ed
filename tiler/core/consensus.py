"""The consensus of several answers to the same pixels, and where they part. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box

Alpha = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Consensus:
    """What several views come to. alpha, spread: (h, w) float32 in 0..1."""

    alpha: Alpha
    spread: Alpha

    def within(self, box: Box) -> "Consensus":
        """Return the part inside `box`, copied, so that the rest is not kept in memory."""
        return Consensus(self.alpha[box.slices].copy(), self.spread[box.slices].copy())


def consensus(answers: Sequence[Alpha]) -> Consensus:
    """Return the median of `answers` and their mean distance from it.

    answers: (h, w) float32 in 0..1, all of one shape, in any order.
    """
    if len(answers) == 1:
        return Consensus(answers[0], np.zeros_like(answers[0]))
    stack = np.stack(answers)
    alpha = np.median(stack, axis=0).astype(np.float32)
    return Consensus(alpha, np.abs(stack - alpha).mean(axis=0, dtype=np.float32))
