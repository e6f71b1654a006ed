"""Asking a network by its contract: whatever runs it is fed and understood in one way, and its answer is checked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiler.errors import ModelError
from tiler.model.card import ModelCard
from tiler.model.contract import Input
from tiler.model.fit import Shape, alpha_of, fed, rows_and_cols, trimap_fed

Plane = NDArray[np.float32]
# What a network is fed: an array for each of its tensors.
Feed = dict[str, NDArray[np.float32]]
Run = Callable[[Feed], NDArray[np.float32]]

# Alpha may overshoot a little; logits go much further.
LEAST, GREATEST = -1.0, 2.0


def asked(
    card: ModelCard, run: Run, rgb: NDArray[np.float32], square: Shape, hint: Plane | None = None
) -> NDArray[np.float32]:
    """Return the (h, w) float32 alpha, 0..1, of (h, w, 3) float32 RGB pixels, 0..255; any size from 1x1 up.

    hint: the trimap, (h, w) float32 of 0, 0.5 and 1, for a network that takes one.
    Raises ModelError as `meant` does, and if the answer is far from 0..1.
    """
    alpha = meant(card, run, rgb, square, hint)
    if alpha.min() < LEAST or alpha.max() > GREATEST:
        raise ModelError(
            f"{card.name} answered with alphas from {alpha.min():.3g} to {alpha.max():.3g}, and not from 0 to 1.",
            'Are these logits, or pixels up to 255? Say activation = "sigmoid", or the right scale, under [output] in '
            "its card.",
        )
    clipped: NDArray[np.float32] = np.clip(alpha, 0, 1, dtype=np.float32)
    return clipped


def meant(
    card: ModelCard, run: Run, rgb: NDArray[np.float32], square: Shape, hint: Plane | None = None
) -> NDArray[np.float32]:
    """Return what the answer means by the card, (h, w) float32: an alpha in 0..1, if the card is right.

    run: gives the answer to what the network is fed. square: the size that the network takes, where its card says that
    it takes one only. hint: as for `asked`. Raises ModelError if the answer is not what the card promises, or the
    network needs a trimap and there is none.
    """
    height, width = rgb.shape[:2]
    answer = run(feed(card, rgb, square, hint))
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


def feed(card: ModelCard, rgb: NDArray[np.float32], square: Shape, hint: Plane | None) -> Feed:
    """Return what each tensor of the network is fed; raises ModelError if it needs a trimap and there is none."""
    trimap, tensor = card.input.trimap, str(card.input.tensor)
    if trimap is None:
        return {tensor: fed(rgb, card.input, square)}
    if hint is None:
        raise ModelError(
            f"{card.name} needs a trimap beside the picture, and there is none.",
            "Give it one, or run it on tiles, whose guide gives it one: --guide-model modnet.",
        )
    given = {tensor: fed(rgb, card.input, square, hint)}
    return given if trimap.tensor is None else given | {trimap.tensor: trimap_fed(hint, trimap, card.input, square)}


def failed(card: ModelCard, given: Feed, why: str) -> ModelError:
    """Return the error of a runtime that gave no answer to what it was `given`, because of `why`."""
    height, width = rows_and_cols(given[str(card.input.tensor)].shape, card.input.layout)
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


def tensors_of(given: Input) -> list[str]:
    """Return the names of the tensors that a network is fed."""
    own = given.trimap.tensor if given.trimap else None
    return [name for name in (given.tensor, own) if name]


def misfit(path: Path, card: ModelCard, inputs: list[str], outputs: list[str], there: set[str]) -> ModelError:
    """Return the error that says which of the card's tensors are not `there`, and which the graph has at its ends."""
    lacking = [tensor for tensor in (*tensors_of(card.input), card.output.tensor) if tensor and tensor not in there]
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
