"""A network tried on a portrait whose alpha is known: what it answers there says whether its card can be right."""

from dataclasses import dataclass, replace
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from tiler.errors import ModelError
from tiler.model.card import ModelCard
from tiler.model.network import Network
from tiler.model.onnx_runtime import OnnxSession

Plane = NDArray[np.float32]
Pixels = NDArray[np.float32]

# Beyond 0..1 by more than this, a number is no alpha.
SLACK = 0.05
# A network that finds people is off by a few hundredths; one that is fed wrongly, by tenths.
FAR = 0.1
# How wide the unknown of the example's trimap is.
REACH_PX = 41


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What a network answers for the example portrait.

    picture: (h, w, 3) float32, 0..255. truth, alpha: its true alpha, and that of the network; (h, w) float32, 0..1.
    mirrored, upside_down: that for the mirror image, and for the picture upside down, turned back. same: whether it
    answers the same twice.
    """

    picture: Pixels
    truth: Plane
    alpha: Plane
    mirrored: Plane
    upside_down: Plane
    same: bool

    @property
    def off(self) -> float:
        """The mean distance of the alpha from the true one."""
        return distance(self.alpha, self.truth)

    @property
    def is_far(self) -> bool:
        """Whether the alpha is so far off that the card is to be doubted."""
        return self.off > FAR

    def sentences(self) -> tuple[str, ...]:
        """Return what was found, one plain sentence each."""
        far = " That is far: is its card right, and does it know people?" if self.is_far else ""
        return (
            f"Of the example portrait, its alpha goes from {self.alpha.min():.2f} to {self.alpha.max():.2f}, and is "
            f"off from the true one by {self.off:.3f} on average.{far}",
            f"The mirror image changes its alpha by {distance(self.mirrored, self.alpha):.3f} on average, upside down "
            f"by {distance(self.upside_down, self.alpha):.3f}.",
            "It answers the same twice." if self.same else "It does not answer the same twice.",
        )


def try_out(network: Network) -> Trial:
    """Return what `network` answers for the example portrait; raises ModelError if it does not keep its card."""
    rgb, truth = example()
    known = known_of(network.card, truth)

    def asked(*axes: slice) -> Plane:
        """Return the answer for the picture turned along `axes`, turned back."""
        hint = None if known is None else np.ascontiguousarray(known[axes])
        return network.alpha(np.ascontiguousarray(rgb[axes]), hint)[axes]

    back, as_it_is = slice(None, None, -1), slice(None)
    alpha = asked(as_it_is)
    return Trial(
        picture=rgb,
        truth=truth,
        alpha=alpha,
        mirrored=asked(as_it_is, back),
        upside_down=asked(back),
        same=bool((asked(as_it_is) == alpha).all()),
    )


def with_activation(session: OnnxSession) -> tuple[ModelCard, tuple[str, ...]]:
    """Return the card of `session` with the activation and scale that its answer asks for, and what is to be said.

    Raises ModelError if no activation makes an alpha of it.
    """
    rgb, truth = example()
    answer = session.meant(rgb, known_of(session.card, truth))
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


def example() -> tuple[Pixels, Plane]:
    """Return the example portrait, (640, 512, 3) RGB 0..255, and its true alpha, 0..1: both float32."""
    with Image.open(BytesIO(files("tiler.model").joinpath("data/example.webp").read_bytes())) as picture:
        rgba = np.asarray(picture, np.float32)
    return np.ascontiguousarray(rgba[..., :3]), rgba[..., 3] / np.float32(255)


def known_of(card: ModelCard, truth: Plane) -> Plane | None:
    """Return the trimap of the example portrait, for a network that takes one: near its outline nothing is known."""
    if card.input.trimap is None:
        return None
    near = ndimage.maximum_filter(truth, REACH_PX) - ndimage.minimum_filter(truth, REACH_PX) > SLACK
    return np.where(near, 0.5, truth > 0.5).astype(np.float32)


def distance(one: Plane, other: Plane) -> float:
    """Return the mean absolute difference of two planes."""
    return float(np.abs(one - other).mean())
