"""Two networks as one: the first makes the guide, the second is shown the tiles."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tiler.errors import SettingsError
from tiler.model.card import ModelCard, find_card
from tiler.model.graph_report import GraphReport
from tiler.model.network import Device, UsedPrecision
from tiler.model.session import Opened, Session
from tiler.settings import ComputeOptions


@dataclass(frozen=True, eq=False)
class Pair:
    """A `Session` of two networks.

    guide: sees the small picture, in all views, and takes the closer look. tiles: sees the tiles above. What a pair
    says of its graph, precision and device is that of `tiles`.
    """

    guide: Session
    tiles: Session

    @property
    def card(self) -> ModelCard:
        return joined(self.guide.card, self.tiles.card)

    @property
    def precision(self) -> UsedPrecision:
        return self.tiles.precision

    @property
    def device(self) -> Device:
        return self.tiles.device

    @property
    def sha256(self) -> str:
        return self.tiles.sha256

    @property
    def graph_report(self) -> GraphReport:
        return self.tiles.graph_report

    def alpha(self, rgb: NDArray[np.float32], _hint: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return what the guide's network answers for a picture as a whole."""
        return self.guide.alpha(rgb)

    def __enter__(self) -> "Pair":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the memory of both."""
        try:
            self.guide.close()
        finally:
            self.tiles.close()


def networks_of(session: Opened) -> tuple[Opened, Opened]:
    """Return the network that makes the guide and the one that is shown the tiles: twice the same if it is one."""
    return (session.guide, session.tiles) if isinstance(session, Pair) else (session, session)


def card_of(compute: ComputeOptions) -> ModelCard:
    """Return the card of the network that the options name; `joined` if they are two.

    Raises ModelError if there is no such network, SettingsError as `joined` does.
    """
    card = find_card(compute.model)
    return card if is_one(compute) else joined(find_card(str(compute.guide_model)), card)


def is_one(compute: ComputeOptions) -> bool:
    """Return whether guide and tiles are of one network."""
    return compute.guide_model in (None, compute.model)


def joined(guide: ModelCard, tiles: ModelCard) -> ModelCard:
    """Return the card of two networks as one: guide and views of the first, all else of the second.

    Raises SettingsError if the first makes no guide, or the second is not to be shown tiles.
    """
    if guide.role == "detail":
        raise SettingsError(
            f"--guide-model {guide.name}: this network is shown tiles alone, and makes no guide.",
            f"Choose another, and give this one as --model {guide.name}.",
        )
    if tiles.role == "guide":
        raise SettingsError(
            f"--model {tiles.name}: this network knows pictures as a whole only, and is not shown tiles.",
            f"Give it as --guide-model {tiles.name} and another as --model; or leave out --guide-model.",
        )
    return replace(tiles, role="any", guide_px=guide.guide_px, views_px=guide.views_px)
