"""A card for a network that has none: read from its ONNX graph, and from what its authors put beside it."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tiler.checksum import sha256_of
from tiler.errors import ModelError
from tiler.model.beside import read_beside
from tiler.model.card import CARD, GRAPH, ModelCard, cards, find_card, read_card
from tiler.model.contract import Fit, Input, Output
from tiler.model.fit import ONE_SIZE
from tiler.model.onnx_file import inputs_of, read_onnx, sizes_of
from tiler.progress import Silent

# Names that authors give to the alpha where a network has several answers.
ALPHA_NAMES = ("alpha", "alphas", "pha", "output_image", "output", "mask")
USUAL_MULTIPLE_PX, USUAL_GUIDE_PX = 32, 512


@dataclass(frozen=True, slots=True)
class Proposal:
    """A card, the file of its graph, and what a person should know of how the card was found.

    has_card: it was there, and is not to be changed.
    """

    card: ModelCard
    graph: Path
    said: tuple[str, ...]
    has_card: bool = False


def propose(where: Path, name: str | None = None) -> Proposal:
    """Return a card for `where`: an ONNX file, or a directory with a card, with one ONNX file or with `tf_graph.pb`.

    name: what it is to be called. If a card of that name comes with tiler, without its graph, it is that card.
    Raises ModelError if there is no network there, or one that tiler has nothing to feed to, or another one than the
    card describes.
    """
    wanted = name or (None if where.is_dir() else name_of(where))
    for card in cards():
        if card.name == wanted and not (card.directory / card.graph).is_file():
            return _of_tiler(card, where / card.graph if where.is_dir() else where)
    if where.is_dir():
        if (where / CARD).is_file():
            card = read_card(where / CARD)
            return Proposal(_hashed(card, where / card.graph), where / card.graph, (), True)
        files = sorted(where.glob("*.onnx"))
        if not files and (where / GRAPH).is_file():
            card = find_card(str(where.resolve()))
            said = f"A {GRAPH} without a card is taken to keep bshm's contract."
            return Proposal(_hashed(card, where / GRAPH), where / GRAPH, (said,))
        if len(files) != 1:
            raise ModelError(
                f"{where}: there are {len(files)} ONNX files in this directory, and neither {CARD} nor {GRAPH}.",
                "Name the file of the network.",
            )
        where = files[0]
    return _from_graph(where)


def name_of(path: Path) -> str:
    """Return what the network in the file `path` is called if nobody says."""
    return re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-.") or "network"


def _of_tiler(card: ModelCard, path: Path) -> Proposal:
    found = _hashed(replace(card, sha256=None), path)
    if card.sha256 not in (None, found.sha256):
        raise ModelError(
            f"{path}: this is not the graph that the card of {card.name} describes, which comes with tiler. Its "
            f"sha256 is {found.sha256}, and should be {card.sha256}.",
            "Find out which file it is. To add it as a network of its own, choose another name: --name NAME.",
        )
    return Proposal(found, path, (f"The card of {card.name} comes with tiler.",), True)


def _from_graph(path: Path) -> Proposal:
    model, content, digest = read_onnx(path)
    pictures = [one for one in inputs_of(model) if len(sizes_of(one)) == 4]
    if not pictures or not model.graph.output:
        raise ModelError(f"{path}: this network takes no picture.", "tiler runs networks that take one picture.")
    sizes = sizes_of(pictures[0])
    layout: Literal["nchw", "nhwc"] = "nhwc" if sizes[3] == 3 and sizes[1] != 3 else "nchw"
    height, width = (sizes[2], sizes[3]) if layout == "nchw" else (sizes[1], sizes[2])
    beside = read_beside(path)
    output, more = _output([one.name for one in model.graph.output], beside.output)
    said = [*beside.said, *more]
    guide_px = min(height, width) if height is not None and width is not None else beside.guide_px or USUAL_GUIDE_PX
    one_size = (height is not None and width is not None) or beside.fit is not None
    fit: Fit = "multiple"
    if one_size:
        fit = beside.fit or ("square-squash" if height == width else "fixed")
        takes = f"{width or guide_px} x {height or guide_px} px only"
        said.append(f"It takes {takes}, so it is a guide: it sees pictures as a whole and is shown no tiles.")
    else:
        said.append("It takes any size, so it is shown tiles as well.")
    card = ModelCard(
        name=name_of(path),
        title=path.name,
        licence="not stated",
        commercial="not known",
        source=str(path.resolve()),
        verified=False,
        role="guide" if one_size else "any",
        runtime="onnx",
        graph=path.name,
        sha256=digest,
        size_bytes=len(content),
        input=Input(
            tensor=pictures[0].name,
            layout=layout,
            channels="rgb",
            fit=fit,
            multiple_px=1 if one_size else beside.multiple_px or USUAL_MULTIPLE_PX,
            pad=None if fit in ONE_SIZE else beside.pad,
            scale=beside.scale,
            mean=beside.mean,
            std=beside.std,
        ),
        output=Output(tensor=output, scale=1.0),
        guide_px=guide_px,
        tile_px=USUAL_GUIDE_PX if one_size else guide_px,
        overlap_px=USUAL_GUIDE_PX // 4 if one_size else guide_px // 4,
        network_levels=0 if one_size else None,
        directory=path.parent,
    )
    return Proposal(card, path, tuple(said))


def _hashed(card: ModelCard, graph: Path) -> ModelCard:
    if not graph.is_file():
        raise ModelError(f"{graph}: the graph of {card.name} is missing.", "Check the path.")
    return replace(card, sha256=card.sha256 or sha256_of(graph, Silent()), size_bytes=graph.stat().st_size)


def _output(names: list[str], said: str | None) -> tuple[str, list[str]]:
    chosen = said if said in names else next((name for name in ALPHA_NAMES if name in names), names[0])
    return chosen, [f"Of its answers, {', '.join(names)}, {chosen} is taken."] if len(names) > 1 else []
