"""A network tried on a drawn picture: what it answers there says whether its card can be right."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.errors import ModelError
from tiler.model.card import ModelCard
from tiler.model.network import Network
from tiler.model.onnx_runtime import OnnxSession

# Beyond 0..1 by more than this, a number is no alpha.
SLACK = 0.05


@dataclass(frozen=True, slots=True)
class Trial:
    """What a network answers for a drawn head and shoulders.

    least, greatest: of its alpha. mirrored, upside_down: mean distance from the answer for the mirror image, and for
    the picture upside down, turned back. same: whether it answers the same twice. figure: its mean alpha within the
    drawn figure; around: beside it.
    """

    least: float
    greatest: float
    mirrored: float
    upside_down: float
    same: bool
    figure: float
    around: float

    def sentences(self) -> tuple[str, ...]:
        """Return what was found, one plain sentence each."""
        return (
            f"Of a drawn head and shoulders, its alpha goes from {self.least:.2f} to {self.greatest:.2f}: "
            f"{self.figure:.2f} within the figure on average, {self.around:.2f} around it.",
            f"Its answer for the mirror image is off by {self.mirrored:.3f} on average, upside down by "
            f"{self.upside_down:.3f}.",
            "It answers the same twice." if self.same else "It does not answer the same twice.",
        )


def _known(network: Network, figure: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """Return the trimap of the drawn figure for a network that takes one: the outline is not known."""
    if network.card.input.trimap is None:
        return None
    reach = max(3, len(figure) // 16)
    near = ndimage.maximum_filter(figure, reach) != ndimage.minimum_filter(figure, reach)
    return np.where(near, 0.5, figure).astype(np.float32)


def try_out(network: Network) -> Trial:
    """Return what `network` answers for the drawn picture; raises ModelError if it does not keep its card."""
    rgb, figure = drawn(max(64, network.card.guide_px))
    known = _known(network, figure)

    def asked(*axes: slice) -> NDArray[np.float32]:
        """Return the answer for the picture turned along `axes`, turned back."""
        hint = None if known is None else np.ascontiguousarray(known[axes])
        return network.alpha(np.ascontiguousarray(rgb[axes]), hint)[axes]

    back, as_it_is = slice(None, None, -1), slice(None)
    alpha, mirrored, turned = asked(as_it_is), asked(as_it_is, back), asked(back)
    return Trial(
        least=float(alpha.min()),
        greatest=float(alpha.max()),
        mirrored=float(np.abs(alpha - mirrored).mean()),
        upside_down=float(np.abs(alpha - turned).mean()),
        same=bool((asked(as_it_is) == alpha).all()),
        figure=float(alpha[figure].mean()),
        around=float(alpha[~figure].mean()),
    )


def with_activation(session: OnnxSession) -> tuple[ModelCard, tuple[str, ...]]:
    """Return the card of `session` with the activation and scale that its answer asks for, and what is to be said.

    Raises ModelError if no activation makes an alpha of it.
    """
    rgb, figure = drawn(max(64, session.card.guide_px))
    answer = session.meant(rgb, _known(session, figure))
    least, greatest = float(answer.min()), float(answer.max())
    if least >= -SLACK and greatest <= 1 + SLACK:
        return session.card, ()
    if least >= -SLACK * 255 and 2 < greatest <= 255 * (1 + SLACK):
        card = replace(session.card, output=replace(session.card.output, scale=255.0))
        return card, (f"It answers from {least:.3g} to {greatest:.3g}: that is taken for an alpha up to 255.",)
    if least >= 0:
        raise ModelError(
            f"{session.card.name} answers from {least:.3g} to {greatest:.3g}, which is neither an alpha nor logits.",
            "Write a card.toml beside the network that says what it answers.",
        )
    card = replace(session.card, output=replace(session.card.output, activation="sigmoid"))
    return card, (f"It answers from {least:.3g} to {greatest:.3g}: these are logits, so a sigmoid is applied.",)


def drawn(side: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a (side, side, 3) picture, RGB 0..255, of a head and shoulders to the left, and where the figure is."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    x = x + 0.2
    figure = (np.hypot(x / 0.3, (y + 0.3) / 0.35) < 1) | (np.hypot(x / 0.7, (y - 1) / 0.8) < 1)
    grain = np.random.default_rng(1).normal(0, 12, (side, side, 3))
    backdrop = np.array([90.0, 120.0, 150.0]) + 40 * y[..., None]
    picture = np.where(figure[..., None], [200.0, 150.0, 130.0], backdrop) + grain
    return np.clip(picture, 0, 255).astype(np.float32), figure
