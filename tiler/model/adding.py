"""Adding a network of one's own: a card is proposed, the network is tried, and both are kept."""

from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from tiler.errors import ModelError
from tiler.model.card import ModelCard
from tiler.model.onnx_runtime import OnnxSession
from tiler.model.proposal import propose
from tiler.model.shelf import check_name, install
from tiler.model.tensorflow_runtime import TensorFlowSession
from tiler.model.trial import Trial, try_out, with_activation
from tiler.progress import Silent


class Added(NamedTuple):
    """A network that is kept: its card, what was found, one sentence each, and what it answered when it was tried."""

    card: ModelCard
    said: tuple[str, ...]
    tried: Trial


def add(
    where: Path,
    *,
    name: str | None = None,
    source: str | None = None,
    licence: str | None = None,
    commercial: Literal["yes", "no", "not known"] | None = None,
) -> Added:
    """Add the network in the file or directory `where`, and return its card and what was found.

    name, source, licence, commercial: of its card, where they are not as found. The network runs on the processor, on
    the example portrait. Raises ModelError if it is no network that tiler can run, or does not answer the same twice.
    """
    proposal = propose(where, name)
    card = replace(
        proposal.card,
        name=name or proposal.card.name,
        source=proposal.card.source if proposal.has_card else source or proposal.card.source,
        licence=licence or proposal.card.licence,
        commercial=commercial or proposal.card.commercial,
    )
    check_name(card.name)
    said = [f"Its sha256 is {card.sha256}.", *proposal.said]
    if card.runtime == "onnx":
        with OnnxSession(card, proposal.graph, device="cpu", progress=Silent()) as session:
            if not proposal.has_card:
                session.card, more = with_activation(session)
                said += more
            card, tried, report = session.card, try_out(session), session.graph_report
    else:
        with TensorFlowSession(card, proposal.graph, precision="f32", device="cpu") as network:
            tried, report = try_out(network), network.graph_report
    if not tried.same:
        raise ModelError(f"{card.name} does not answer the same twice.", "Export it for inference.")
    return Added(install(card, proposal.graph), (*said, *report.sentences(), *tried.sentences()), tried)
