"""What the authors of a network say of it in files beside its ONNX graph."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tiler.checksum import sha256_of
from tiler.errors import ModelError
from tiler.model.card import CARD
from tiler.model.contract import Fit, Pad
from tiler.progress import Silent

# Of the library transformers, beside most graphs on model hubs.
CONFIG = "preprocessor_config.json"
# Beside withoutBG's graphs, after the name of the graph.
SIDECAR = ".json"

Triple = tuple[float, float, float]
IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
LEAST_SIDE_PX = 32


@dataclass(frozen=True, slots=True)
class Beside:
    """What is said of a network; None where nothing is.

    scale, mean, std, pad: as in `Input`. fit: for a graph of one size. guide_px, multiple_px: as in the card. output:
    the name of its answer. said: what a person should know of that, one sentence each.
    """

    scale: float = 1.0
    mean: Triple = IMAGENET[0]
    std: Triple = IMAGENET[1]
    pad: Pad | None = None
    fit: Fit | None = None
    guide_px: int | None = None
    multiple_px: int | None = None
    output: str | None = None
    said: tuple[str, ...] = field(default=())


def read_beside(graph: Path) -> Beside:
    """Return what is said of the network in the file `graph`; ImageNet's mean and std, if nothing is.

    Raises ModelError if it is not understood, or is said of another graph.
    """
    config, sidecar = graph.with_name(CONFIG), graph.with_name(graph.name + SIDECAR)
    if sidecar.is_file():
        return _of_sidecar(_table(sidecar), sidecar, graph)
    if config.is_file():
        return _of_config(_table(config), config)
    said = f"There is no {CONFIG} beside it: ImageNet's mean and std are assumed. Correct them in its card."
    return Beside(said=(said,))


def _of_sidecar(table: dict[str, Any], path: Path, graph: Path) -> Beside:
    """Return what withoutBG's file says: a letterbox on black of that side, colours in 0..1 without mean and std."""
    side, digest, output = (table.get(name) for name in ("canvas_size", "sha256", "output_name"))
    if table.get("pipeline") not in (None, "single"):
        raise ModelError(f"{path}: it describes several networks that work together.", "tiler runs one network.")
    if type(side) is not int or side < LEAST_SIDE_PX:
        raise _not_understood(path, "there is no canvas_size")
    if digest is not None and digest != sha256_of(graph, Silent()):
        raise ModelError(
            f"{graph}: this is not the graph that {path.name} describes, or a part of it is missing.",
            "Fetch both again.",
        )
    return Beside(
        scale=1.0,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        fit="square-letterbox",
        guide_px=side,
        output=output if isinstance(output, str) else None,
        said=(f"{path.name} says: a letterbox of {side} px on black, colours as they are.",),
    )


def _of_config(config: dict[str, Any], path: Path) -> Beside:
    factor = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1
    scale = factor * 255 if isinstance(factor, int | float) else 0
    mean, std = config.get("image_mean", [0, 0, 0]), config.get("image_std", [1, 1, 1])
    if not config.get("do_normalize", True):
        mean, std = [0, 0, 0], [1, 1, 1]
    triples = all(
        isinstance(three, list) and len(three) == 3 and all(type(one) in (int, float) for one in three)
        for three in (mean, std)
    )
    if round(scale, 4) not in (1, 255) or not triples or not all(one > 0 for one in std):
        raise _not_understood(path, "rescale_factor, image_mean and image_std are not what tiler knows")
    known = Beside(
        scale=float(round(scale)),
        mean=(float(mean[0]), float(mean[1]), float(mean[2])),
        std=(float(std[0]), float(std[1]), float(std[2])),
        guide_px=_side(config),
        said=(f"Scale, mean and std are those of {path.name}.",),
    )
    multiple = config.get("size_divisibility")
    if type(multiple) is not int or multiple < 2:
        return known
    # Such a picture is padded after it was normalised.
    return replace(known, multiple_px=multiple, pad="zero" if config.get("do_pad") else None)


def _side(config: dict[str, Any]) -> int | None:
    """Return the short side that the authors name."""
    size = config.get("size")
    sides = [size.get(name) for name in ("shortest_edge", "height", "width")] if isinstance(size, dict) else []
    return next((side for side in sides if type(side) is int and side >= LEAST_SIDE_PX), None)


def _table(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: this is not JSON: {error}.", "Correct it, or put it elsewhere.") from error
    if not isinstance(table, dict):
        raise _not_understood(path, "it is no table of values")
    return table


def _not_understood(path: Path, why: str) -> ModelError:
    return ModelError(
        f"{path}: this is not understood: {why}.",
        f"Put it elsewhere, or write a {CARD} beside the network that says what it is fed.",
    )
