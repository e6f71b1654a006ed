"""Views: the same picture shown to the network at several sizes, and mirrored.

One view is one opinion. The network errs in different places when it is asked again at another size, so the median of
its answers is right more often than any single one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tiler.model.card import ModelCard
from tiler.model.fit import resized
from tiler.model.network import Network

Alpha = NDArray[np.float32]
Rgb = NDArray[np.float32]
Shape = tuple[int, int]


@dataclass(frozen=True, slots=True)
class View:
    """One way to show the picture. scale: of its sides, where those of the base are 1. mirrored: left is right."""

    scale: float
    mirrored: bool


AS_IT_IS = View(1.0, mirrored=False)


def views_of(card: ModelCard, guide_px: int, wanted: int | Literal["all"]) -> tuple[View, ...]:
    """Return the views in which a base of short side `guide_px` is shown to the network: all, or the first `wanted`.

    A view of the card that is smaller than the card's guide keeps its size in pixels, because a network fails below
    some size, and is left out where the base itself is smaller. A larger view keeps its ratio to the guide. A network
    without measured views, and one of which a single view is wanted, is shown the base as it is.
    """
    smaller = [side / guide_px for side in card.views_px if side < min(guide_px, card.guide_px)]
    scales = [side / card.guide_px for side in card.views_px if side >= card.guide_px] + smaller
    views = [View(scale, mirrored) for scale in scales for mirrored in (False, True)]
    chosen = views[: len(views) if wanted == "all" else wanted]
    return tuple(chosen) if len(chosen) > 1 else (AS_IT_IS,)


def fine_of(views: Sequence[View]) -> list[int]:
    """Return the positions of the views that are as fine as the base or finer."""
    return [k for k, view in enumerate(views) if view.scale >= 1]


def network_levels_of(card: ModelCard, wanted: int | Literal["auto", "all"]) -> int | None:
    """Return in how many levels above the base the network sees the tiles; None: in all of them."""
    if card.role == "guide":
        return 0
    if wanted == "auto":
        return card.network_levels
    return None if wanted == "all" else wanted


def looks_closer(card: ModelCard) -> bool:
    """Return whether small subjects are asked again by themselves: where the sizes a network likes were measured."""
    return bool(card.views_px)


def answer_of(network: Network, rgb: Rgb, view: View, shape: Shape) -> Alpha:
    """Return the alpha that the network gives for one view, at the base's size.

    rgb: (h, w, 3) float32 in 0..255, already at the size of the view. shape: (height, width) of the answer, which is
    resized to it bicubically. Returns float32 in 0..1.
    """
    alpha = network.alpha(np.ascontiguousarray(rgb[:, ::-1]) if view.mirrored else rgb)
    alpha = alpha[:, ::-1] if view.mirrored else alpha
    if alpha.shape == shape:
        return np.ascontiguousarray(alpha)
    return np.clip(resized(np.ascontiguousarray(alpha), shape), 0, 1)
