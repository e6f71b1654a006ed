"""A worker process of a cluster: it makes the scene of a run from its ticket, once, and lets go of it at the end."""

import gc
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from tiler.core.fusion import fuse
from tiler.engine.scene import Scene, for_network
from tiler.errors import SettingsError, TilerError
from tiler.image.open import open_source
from tiler.image.own_alpha import WithoutAlpha
from tiler.memory import release_memory
from tiler.model.retry import retrying
from tiler.model.session import Opened
from tiler.progress import Progress
from tiler.recipe import Recipe, parts_of, shaping_versions
from tiler.settings import ComputeOptions, RunOptions
from tiler.store.workdir import joined

# What a worker says goes to the client under this topic and the name of the run.
TOPIC = "tiler"

Open = Callable[[ComputeOptions, Progress], Opened]


@dataclass(frozen=True)
class Ticket:
    """What another process needs to make the scene of a run for itself.

    name: of this run alone, so that no worker takes what it keeps of an earlier run for it. recipe: of the process
    that sends it, precision and device resolved; a worker that would shape other bytes is refused. open_network: makes
    the network of the process, which may be a pair.
    """

    name: str
    source: Path
    folder: Path
    recipe: Recipe
    compute: ComputeOptions
    run: RunOptions
    open_network: Open


@dataclass(frozen=True)
class _Held:
    """What a worker process keeps between tasks, of the run that came last."""

    ticket: Ticket
    scene: Scene
    network: Opened


_held: list[_Held] = []
_opening = Lock()


def join(ticket: Ticket, dask_worker: Any) -> None:
    """Make the scene of `ticket` in this process; the name of the second argument is how Dask passes the worker."""
    scene_of(ticket, dask_worker)


def pinned(name: str) -> list[str]:
    """Return the place among the scheduler's metadata where the ticket of the run `name` is, pickled."""
    return [TOPIC, name]


def scene_named(name: str, worker: Any) -> Scene:
    """Return the scene of the run `name`; a worker that has joined since it began takes the ticket first.

    Raises as `scene_of` does.
    """
    held = list(_held)
    if held and held[0].ticket.name == name:
        return held[0].scene
    from distributed import get_client

    client: Any = get_client()
    return scene_of(pickle.loads(client.get_metadata(pinned(name))), worker)


def scene_of(ticket: Ticket, worker: Any) -> Scene:
    """Return the scene of `ticket`, made once; a worker that joins a run later is checked as the first were.

    Raises SettingsError, naming the worker, if it does not see the files or would shape other bytes.
    """
    with _opening:
        if not _held or _held[0].ticket.name != ticket.name:
            _check_files(ticket, worker)
            network = _network(ticket, worker)
            _held[:] = [_Held(ticket, _scene_with(network, ticket, worker), network)]
        return _held[0].scene


def _scene_with(network: Opened, ticket: Ticket, worker: Any) -> Scene:
    source = open_source(ticket.source, max_pixels=ticket.run.max_pixels, scratch=ticket.run.work_dir)
    if ticket.recipe.matting.ignore_alpha:
        source = WithoutAlpha(source)
    plan = ticket.recipe.plan
    pyramid, canvas, journal, hints = joined(ticket.folder, source, plan)
    progress = _ToClient(f"{TOPIC}-{ticket.name}", worker)
    guide, tiles = retrying(network)
    scene = Scene(plan, pyramid, guide, fuse, canvas, journal, progress, hints=hints, strict=ticket.run.strict)
    scene = replace(scene, tile_network=tiles)
    return for_network(scene, ticket.recipe.card, ticket.recipe.matting)


def _network(ticket: Ticket, worker: Any) -> Opened:
    """Return the network of `ticket`, which may be that of the run before."""
    versions = replace(ticket.recipe, versions=shaping_versions())
    _check_recipe(versions, ticket, worker)  # other versions may not even load the network
    same = _held and (_held[0].ticket.compute, _held[0].ticket.open_network) == (ticket.compute, ticket.open_network)
    try:
        network = (
            _held[0].network
            if same
            else ticket.open_network(ticket.compute, _ToClient(f"{TOPIC}-{ticket.name}", worker))
        )
    except TilerError as error:
        raise SettingsError(
            f"The worker {worker.address} cannot open the network: {error.what}", error.remedy
        ) from error
    _check_recipe(replace(versions, **parts_of(network)), ticket, worker)
    return network


def let_go(ticket: Ticket) -> None:
    """Forget the picture and the network of a run that has ended, unless another run has come since."""
    with _opening:
        if _held and _held[0].ticket.name == ticket.name:
            _held.clear()
    gc.collect()
    release_memory()


class _ToClient:
    """The progress of a worker, sent to whoever listens to the topic."""

    def __init__(self, topic: str, worker: Any) -> None:
        self._topic, self._worker = topic, worker

    def stage(self, name: str, total: int) -> None: ...

    def advance(self, steps: int = 1) -> None:
        self._send(steps)

    def note(self, text: str) -> None:
        self._send(text)

    def _send(self, what: int | str) -> None:
        self._worker.log_event(self._topic, what)


def _check_files(ticket: Ticket, worker: Any) -> None:
    for path in (ticket.source, ticket.folder):
        if not path.exists():
            raise SettingsError(
                f"The worker {worker.address} does not see {path}.",
                "Share the picture and the work folder (--work-dir) with all workers under the same path.",
            )


def _check_recipe(own: Recipe, ticket: Ticket, worker: Any) -> None:
    if differences := own.differences(ticket.recipe):
        others = "; ".join(f"{one.name} {one.now}, here {one.before}" for one in differences)
        raise SettingsError(
            f"The worker {worker.address} would shape other bytes: it has {others}.",
            "Install the same versions, use the same graph, and the same kind of processor, everywhere.",
        )
