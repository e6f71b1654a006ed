"""A network at work, whichever runtime its card names; opened by the name of its card."""

from contextlib import ExitStack
from typing import Protocol, Self

from tiler.model.card import find_card
from tiler.model.graph_report import GraphReport
from tiler.model.hub import find_graph, is_here
from tiler.model.network import Device, Network, UsedPrecision
from tiler.model.trust import pinned
from tiler.progress import Progress, logged
from tiler.settings import ComputeOptions, Precision


class Opened(Network, Protocol):
    """A network that knows which graph it is, and how it runs.

    precision, device: what is in use. sha256: of the graph file, hexadecimal.
    """

    @property
    def precision(self) -> UsedPrecision: ...

    @property
    def device(self) -> Device: ...

    @property
    def sha256(self) -> str: ...


class Session(Opened, Protocol):
    """A network from a graph file, until it is closed. graph_report: what in the graph bears on tiling."""

    @property
    def graph_report(self) -> GraphReport: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None:
        """Give back the memory. The session cannot be used afterwards."""


def open_model(
    model: str = "modnet",
    *,
    guide_model: str | None = None,
    precision: Precision = "auto",
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Session:
    """Return a network, loaded once, for many calls of `tiler.matte` and `tiler.alpha`; close it when done.

        with tiler.open_model("modnet") as model:
            tiler.matte("a.tif", "a-cutout.tif", model=model)
            tiler.matte("b.tif", "b-cutout.tif", model=model)

    model: a name that `tiler models` lists, or a directory with a graph. guide_model: another one that sees the small
    picture in its place, while `model` is shown the tiles. precision: "auto", "f32" or "bf16". device: "auto", "cpu",
    "cuda" or another provider of onnxruntime. threads: tiles in flight at once; all processors, if None. progress:
    receives the stage of fetching.

    Raises ModelError if the network cannot be found, fetched or loaded, SettingsError for a value no option can have.
    """
    compute = ComputeOptions(model=model, guide_model=guide_model, precision=precision, device=device, threads=threads)
    return open_session(compute, logged(progress))


def open_session(compute: ComputeOptions, progress: Progress) -> Session:
    """Return the network that the options name, fetched if need be, ready for as many callers as they have threads.

    Of two networks, one for the guide and one for the tiles, it is a `tiler.model.pair.Pair`.
    A graph whose sha256 the card does not know tells `progress` what it holds that bears on tiling, and a network that
    is fetched, or whose commercial use is not known to be allowed, what its licence is.
    Raises ModelError if a network cannot be found, fetched or loaded, SettingsError if two have the wrong roles.
    """
    from tiler.model.pair import Pair, card_of, is_one

    if is_one(compute):
        return _opened(compute.model, compute, progress)
    card_of(compute)  # roles first: nothing is fetched in vain
    with ExitStack() as stack:
        guide = stack.enter_context(_opened(str(compute.guide_model), compute, progress))
        pair = Pair(guide, _opened(compute.model, compute, progress))
        stack.pop_all()
    return pair


def _opened(model: str, compute: ComputeOptions, progress: Progress) -> Session:
    card = find_card(model)
    is_new = not is_here(card)
    path = find_graph(card, progress)
    trusted = pinned(card, path, progress)
    session: Session
    if card.runtime == "onnx":
        from tiler.model.onnx_runtime import OnnxSession

        session = OnnxSession(trusted, path, precision=compute.precision, device=compute.device, progress=progress)
    else:
        from tiler.model.tensorflow_runtime import TensorFlowSession

        session = TensorFlowSession(
            trusted, path, precision=compute.precision, device=compute.device, threads=compute.thread_count
        )
    if is_new or card.commercial != "yes":
        progress.note(f"{card.name}: {card.terms}")
    if card.sha256 is None:
        for sentence in session.graph_report.sentences():
            progress.note(f"{card.name}: {sentence}")
    return session
