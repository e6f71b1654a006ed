"""The tensors that an ONNX graph is fed: whether they are those of its card, and what others would be for.

A network that takes more than a picture and a trimap is not run, and its reader is told why.
"""

import re
from pathlib import Path
from typing import Any

from tiler.errors import ModelError
from tiler.model.asking import misfit, named, tensors_of
from tiler.model.card import ModelCard
from tiler.model.onnx_file import inputs_of, sizes_of

PICTURES = "tiler mattes pictures, each by itself."
# What the names of inputs say, the first that fits: of video networks, of those that know the empty scene, of those
# that are pointed at something, of FBA, which wants the trimap also as distances, and of networks that mend a mask.
PURPOSES = (
    (
        r"r\d+i?|.*(state|hidden|memory|sensory).*|downsample_ratio",
        "carries a state from one frame of a video to the next, as RVM and MatAnyone do",
        PICTURES,
    ),
    (
        r"bgr?|.*background.*",
        "needs a photograph of the background without the subject, as BGMv2 does",
        f"{PICTURES} Take a network that needs the picture alone, or a trimap.",
    ),
    (
        r".*(prompt|point|box|click|embed).*",
        "needs to be pointed at what is meant, as ZIM and SAM do",
        "Take a network that finds the subject, or draw a trimap: --trimap FILE.",
    ),
    (
        r"(image_n|.*(trimap_transformed|two_chan|distance|dist_).*)",
        "takes the trimap as several tensors, with distances from what is known, as FBA does",
        "Take one that takes the three values of a trimap, as ViTMatte does.",
    ),
    (
        r".*(mask|seg|prior|hint).*",
        "needs a mask beside the picture",
        "Take a network that needs the picture alone, or a trimap.",
    ),
)
TRIMAP = re.compile(r".*trimap.*|tri", re.IGNORECASE)


def with_tensors(card: ModelCard, path: Path, model: Any) -> ModelCard:
    """Return `card` with the names of the tensors of the ModelProto `model`, from the file `path`.

    Raises ModelError if they are not what the graph takes and gives.
    """
    given = {one.name: sizes_of(one) for one in inputs_of(model)}
    inputs, outputs = list(given), [one.name for one in model.graph.output]
    told = card.input.trimap.tensor if card.input.trimap is not None else None
    if (pictures := [name for name in inputs if name != told]) and outputs:
        card = named(card, pictures, outputs)
    wanted = tensors_of(card.input)
    if not {*wanted} <= {*inputs} or card.output.tensor not in outputs:
        raise misfit(path, card, inputs, outputs, {*inputs, *outputs})
    layout = card.input.layout
    axis = layout.index("c")
    if more := [name for name in inputs if name not in wanted]:
        raise _too_many(path, more, [given[name][axis] if len(given[name]) == len(layout) else 0 for name in more])
    for name in wanted:
        if (rank := len(given[name])) != len(layout):
            raise ModelError(
                f"{path}: {name} has {rank} axes, and the card of {card.name} says {layout}.",
                "Correct the layout under [input] in its card.",
            )
    _check_channels(card, path, {name: given[name][axis] for name in wanted})
    return card


def _check_channels(card: ModelCard, path: Path, channels: dict[str, int | None]) -> None:
    trimap, layout = card.input.trimap, card.input.layout
    own = trimap.tensor if trimap is not None else None
    expected = 3 if trimap is None or own is not None else 4
    found = channels[str(card.input.tensor)]
    if found == 4 and expected == 3:
        raise ModelError(
            f"{path}: {card.input.tensor} has 4 channels in the layout {layout}, and a picture 3.",
            'If the fourth is a trimap, say role = "detail" in its card, and three values under [input.trimap]. '
            "Networks that take anything else there are not run.",
        )
    if found not in (expected, None):
        raise ModelError(
            f"{path}: {card.input.tensor} has {found} channels in the layout {layout}, and is given {expected}.",
            "Correct the layout, or the trimap, under [input] in its card.",
        )
    if own is not None and channels[own] not in (1, None):
        raise ModelError(
            f"{path}: {own} has {channels[own]} channels, and tiler gives a trimap of one channel, of three values.",
            "Networks that take a trimap in another form, as FBA does, are not run.",
        )


def _too_many(path: Path, more: list[str], channels: list[int | None]) -> ModelError:
    """Return the error of a graph that takes the inputs `more`, of so many `channels`, for which there is nothing."""
    names = ", ".join(more)
    for pattern, purpose, remedy in PURPOSES:
        if any(re.fullmatch(pattern, name, re.IGNORECASE) for name in more):
            return ModelError(f"{path}: this network takes {names} beside the picture: it {purpose}.", remedy)
    if len(more) == 1 and TRIMAP.fullmatch(more[0]) and channels[0] in (1, None):
        return ModelError(
            f"{path}: this network takes {names} beside the picture, and its card says nothing of it.",
            f'Say role = "detail" in its card, and under [input.trimap] the three values and tensor = "{more[0]}".',
        )
    if any(map(TRIMAP.fullmatch, more)):
        _, purpose, remedy = PURPOSES[3]
        return ModelError(f"{path}: this network takes {names} beside the picture: it {purpose}.", remedy)
    return ModelError(
        f"{path}: this network takes {names} beside the picture, and tiler has nothing to give there.",
        "Networks that take a picture, or a picture and a trimap, are run.",
    )
