"""A cutout in the light of what it is laid over, window by window."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box, Span
from tiler.core.light import Light
from tiler.core.relight import Sums, Tone, matched, to_lab, wrapped
from tiler.image.clean_colours import ReadBoth
from tiler.image.columns import by_columns
from tiler.image.layers.background import Background
from tiler.image.layers.soft import Planes, softened
from tiler.image.source import BAND_ROWS, Pixels
from tiler.progress import Progress

WHITE = np.float32(65535)
# Sigma as a share of the short side: of light that wraps around the edge, and of the nearness to it.
WRAP, NEAR = 1 / 200, 1 / 20
# Every so many pixels one is asked for its tone.
TONE_STEP = 4


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of the background's light a cutout gets, each 0..1; 0 leaves it out.

    wrap: of light around its edge. match: of the way to the mean and the contrast of the background.
    """

    wrap: float = 0.0
    match: float = 0.0


@dataclass(frozen=True, slots=True)
class Lit:
    """A cutout, what it is laid over, and the light that the samples of both mean."""

    shape: tuple[int, int]
    read: ReadBoth
    behind: Background
    light: Light

    def spill(self, box: Box) -> NDArray[np.float32]:
        """Return the background's light times its share, (h, w, 3)."""
        return np.asarray(self.shares(box) * self.light.of(self.behind.read(box)))

    def shares(self, box: Box) -> NDArray[np.float32]:
        """Return the share of the background, (h, w, 1)."""
        return np.asarray(1 - self.read(box)[1][..., None] / WHITE, np.float32)


@contextmanager
def relit(lit: Lit, amounts: Amounts, scratch: Path, progress: Progress) -> Iterator[ReadBoth]:
    """Give a function like that of the cutout, whose colours are in the light of what is behind.

    What it gives does not depend on the box. scratch: a directory for temporary files.
    """
    short = min(lit.shape)
    with ExitStack() as stack:
        spill = near = None
        if amounts.wrap:
            spill = stack.enter_context(softened(lit.spill, lit.shape, 3, max(short * WRAP, 1), scratch, progress))
        tones = _tones(lit, progress) if amounts.match else None
        if tones:
            near = stack.enter_context(softened(lit.shares, lit.shape, 1, max(short * NEAR, 1), scratch, progress))
        yield _Relit(lit, amounts, spill, near, tones).read


def _tones(lit: Lit, progress: Progress) -> tuple[Tone, Tone] | None:
    """Return the tones of the cutout and of what is seen behind it; None if one of them is not seen."""
    height, width = lit.shape
    starts = range(0, height, BAND_ROWS)
    progress.stage("light", len(starts))
    own, behind = Sums(), Sums()
    some = slice(None, None, TONE_STEP), slice(None, None, TONE_STEP)
    for start in starts:
        box = Box(Span(start, min(start + BAND_ROWS, height)), Span(0, width))
        pixels, alpha = lit.read(box)
        share = np.asarray(alpha[some] / WHITE, np.float32)
        own.add(to_lab(lit.light.of(pixels[some])), share)
        behind.add(to_lab(lit.light.of(lit.behind.read(box)[some])), 1 - share)
        progress.advance()
    tones = own.tone(), behind.tone()
    return None if tones[0] is None or tones[1] is None else (tones[0], tones[1])


@dataclass(frozen=True, slots=True)
class _Relit:
    """spill: for the light that wraps; near: 1/2 at a straight edge, 0 far inside; tones: of cutout and background."""

    lit: Lit
    amounts: Amounts
    spill: Planes | None
    near: Planes | None
    tones: tuple[Tone, Tone] | None

    def read(self, box: Box) -> tuple[Pixels, NDArray[np.uint16]]:
        pixels, alpha = self.lit.read(box)

        def part(one: Box) -> NDArray[Any]:
            at = one.within(box).slices
            return np.where(alpha[at][..., None] > 0, self._changed(pixels[at], one), pixels[at])

        return by_columns(box, pixels.dtype, part), alpha

    def _changed(self, pixels: NDArray[Any], box: Box) -> NDArray[Any]:
        light = self.lit.light.of(pixels)
        if self.tones and self.near:
            # All of it at the edge, half of it deep inside.
            strength = self.amounts.match * (0.5 + np.minimum(self.near(box)[..., 0], 0.5))
            light = matched(light, *self.tones, strength.astype(np.float32))
        if self.spill:
            spill = self.spill(box)
            light = wrapped(light, spill, self.amounts.wrap)
            if not self.tones:
                # Where no light comes to, the samples stay bit for bit.
                return np.where(spill > 0, self.lit.light.samples(light), pixels)
        return self.lit.light.samples(light) if self.tones else pixels
