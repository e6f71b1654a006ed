"""Asking a network by its contract: whatever runs it is fed and understood in one way, and its answer is checked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiler.errors import ModelError
from tiler.model.card import ModelCard
from tiler.model.fit import Shape, alpha_of, fed, rows_and_cols

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# Alpha may overshoot a little; logits go much further.
LEAST, GREATEST = -1.0, 2.0


def asked(card: ModelCard, run: Run, rgb: NDArray[np.float32], square: Shape) -> NDArray[np.float32]:
    """Return the (h, w) float32 alpha, 0..1, of (h, w, 3) float32 RGB pixels, 0..255; any size from 1x1 up.

    Raises ModelError as `meant` does, and if the answer is far from 0..1.
    """
    alpha = meant(card, run, rgb, square)
    if alpha.min() < LEAST or alpha.max() > GREATEST:
        raise ModelError(
            f"{card.name} answered with alphas from {alpha.min():.3g} to {alpha.max():.3g}, and not from 0 to 1.",
            'Are these logits, or pixels up to 255? Say activation = "sigmoid", or the right scale, under [output] in '
            "its card.",
        )
    clipped: NDArray[np.float32] = np.clip(alpha, 0, 1, dtype=np.float32)
    return clipped


def meant(card: ModelCard, run: Run, rgb: NDArray[np.float32], square: Shape) -> NDArray[np.float32]:
    """Return what the answer means by the card, (h, w) float32: an alpha in 0..1, if the card is right.

    run: gives the answer to what the network is fed. square: the size that the network takes, where its card says that
    it takes one only. Raises ModelError if the answer is not what the card promises.
    """
    height, width = rgb.shape[:2]
    answer = run(fed(rgb, card.input, square))
    _check_answer(card, answer)
    alpha = alpha_of(answer, card.input, card.output, (height, width), square)
    if alpha.shape != (height, width):
        raise ModelError(
            f"{card.name} answered {rgb.shape[:2]} pixels with {alpha.shape}.",
            "The graph does not keep the contract of its card; check the card's tensors, fit and multiple_px.",
        )
    if not np.isfinite(alpha).all():
        raise ModelError(
            f"{card.name} answered with numbers that are not finite.",
            "Try --precision f32; if that does not help, the graph is damaged: fetch it again.",
        )
    return alpha


def failed(card: ModelCard, pixels: NDArray[np.float32], why: str) -> ModelError:
    """Return the error of a runtime that gave no answer to `pixels`, in the layout of the network, because of `why`."""
    height, width = rows_and_cols(pixels.shape, card.input.layout)
    return ModelError(
        f"{card.name} failed on {width} x {height} pixels: {why}",
        "If memory ran out, choose a smaller --tile-px, a smaller --guide-px or fewer --threads.",
    )


def square_of(card: ModelCard, sides: Shape | None, path: Path) -> Shape:
    """Return the (height, width) to which pictures are brought where the card says that the network takes one size.

    sides: those that the graph in the file `path` takes, None if it takes any.
    Raises ModelError if the card says another thing than the graph.
    """
    fit = card.input.fit
    if sides is None:
        right = fit != "fixed"
        takes, instead = "any size", '"free" or "multiple"'
    else:
        right = fit not in ("free", "multiple") and (sides[0] == sides[1] or fit != "square-squash")
        takes = f"{sides[1]} x {sides[0]} px only"
        instead = '"square-squash" or "square-letterbox"' if sides[0] == sides[1] else '"fixed" or "square-letterbox"'
    if not right:
        raise ModelError(
            f"{path}: this graph takes {takes}, and the card of {card.name} says that its fit is {fit!r}.",
            f"Say fit = {instead} under [input] in its card.",
        )
    return sides or (card.guide_px, card.guide_px)


def named(card: ModelCard, inputs: list[str], outputs: list[str]) -> ModelCard:
    """Return `card` with the first tensors that its graph takes and gives, where the card names none."""
    return replace(
        card,
        input=replace(card.input, tensor=card.input.tensor or inputs[0]),
        output=replace(card.output, tensor=card.output.tensor or outputs[0]),
    )


def check_sha256(found: str, path: Path, card: ModelCard) -> None:
    """Raise ModelError if the graph in the file `path`, of the sha256 `found`, is not the one that the card knows."""
    if card.sha256 is not None and found != card.sha256:
        raise ModelError(
            f"{path}: this is not the graph that the card of {card.name} describes, or a part of it is missing.",
            f"Install or fetch it again; its sha256 should be {card.sha256}.",
        )


def misfit(path: Path, card: ModelCard, inputs: list[str], outputs: list[str], there: set[str]) -> ModelError:
    """Return the error that says which of the card's tensors are not `there`, and which the graph has at its ends."""
    lacking = [tensor for tensor in (card.input.tensor, card.output.tensor) if tensor and tensor not in there]
    return ModelError(
        f"{path}: this graph does not fit the card of {card.name}; it lacks {', '.join(lacking) or 'what it says'}.",
        f"It takes {', '.join(inputs[:8]) or 'nothing'} and gives {', '.join(outputs[:8]) or 'nothing'}: "
        "name the right tensors in a card.toml beside the graph.",
    )


def _check_answer(card: ModelCard, answer: NDArray[np.float32]) -> None:
    rank = len(card.input.layout)
    if answer.ndim != rank or (rank == 4 and answer.shape[0] != 1):
        raise ModelError(
            f"{card.name} answered with a tensor of the shape {answer.shape}, and not {card.input.layout}.",
            "Name another tensor under [output] in its card, or correct the layout under [input].",
        )
    channels = answer.shape[-3 if card.input.layout == "nchw" else -1]
    if card.output.channel >= channels:
        raise ModelError(
            f"{card.name} answered with {channels} channels, and its card says that channel {card.output.channel} is "
            "the alpha.",
            "Correct the channel under [output] in its card; the first is 0.",
        )
