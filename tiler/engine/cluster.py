"""The same graph on a Dask cluster: workers open the work folder themselves, and only coordinates and tiles travel.

Every worker process has one network session. All see the picture and the work folder under the same path. A worker
that dies is replaced by its nanny. What it had in memory is made again, unless the blocks that needed it are on the
canvas. So the bytes are those of one machine.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Protocol
from uuid import uuid4

from tiler.core.fusion import fuse
from tiler.core.plan import Level
from tiler.engine.graph import Graph, Key, Runner
from tiler.engine.scene import Scene, for_network
from tiler.errors import OutputError, SettingsError
from tiler.image.open import open_source
from tiler.image.own_alpha import WithoutAlpha
from tiler.model.network import Device, Network, UsedPrecision
from tiler.model.retry import RetryingNetwork
from tiler.progress import Progress
from tiler.recipe import Difference, Recipe, shaping_versions
from tiler.settings import ComputeOptions, RunOptions, Settings
from tiler.store.workdir import joined

LOCAL = "local:"
ANSWER_S = 15
TOPIC = "tiler"
_opening = Lock()


class Opened(Network, Protocol):
    """A network that knows which graph it is, and how it runs."""

    @property
    def sha256(self) -> str: ...
    @property
    def precision(self) -> UsedPrecision: ...
    @property
    def device(self) -> Device: ...


Open = Callable[[ComputeOptions, Progress], Opened]


@dataclass(frozen=True)
class Ticket:
    """What another process needs to make the scene of a run for itself.

    name: of this run alone, so that no worker takes what it keeps of an earlier run for it. recipe: of the process
    that sends it, precision and device resolved; a worker that would shape other bytes is refused. open_network: makes
    the one network of the process.
    """

    name: str
    source: Path
    folder: Path
    recipe: Recipe
    compute: ComputeOptions
    run: RunOptions
    open_network: Open


@dataclass(frozen=True)
class Travelling(Scene):
    """A scene that is sent as its ticket, and made again where it arrives."""

    ticket: Ticket = field(kw_only=True)


@dataclass(frozen=True)
class _SceneRef:
    """What stands for a scene in the graph. The scheduler reads it as well, and opens no scene."""

    ticket: Ticket
    may_add: bool


def travelling(
    scene: Scene, source: Path, folder: Path, settings: Settings, recipe: Recipe, open_network: Open
) -> Travelling:
    """Return `scene` as one that may be sent to workers, which see the same `source` and work `folder`."""
    # Each worker would resolve "auto" by itself.
    compute = replace(settings.compute, precision=recipe.precision)
    ticket = Ticket(uuid4().hex[:8], source.absolute(), folder.absolute(), recipe, compute, settings.run, open_network)
    return Travelling(**{part.name: getattr(scene, part.name) for part in fields(scene)}, ticket=ticket)


@contextmanager
def on_cluster(address: str, scene: Travelling) -> Iterator[tuple[Runner, int]]:
    """Give the runner that works through the graphs of `scene` on the cluster at `address`, and its threads in all.

    address: of a scheduler, tcp://host:8786, or local:N for N worker processes here, which end with the block.

    Raises SettingsError if nobody answers there, if a worker cannot see the files or has other versions, or if
    `distributed` is not installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise SettingsError(
            "--cluster needs the package distributed.", "Install it with: pip install 'tiler-matting[cluster]'"
        ) from error
    ticket = scene.ticket
    with _client(distributed, address, ticket.compute.thread_count) as client:
        _check_workers(client, ticket)
        client.subscribe_topic(f"{TOPIC}-{ticket.name}", lambda event: _pass_on(scene.progress, event))

        def run(tasks: Graph, keys: list[Key]) -> object:
            name = uuid4().hex[:8]
            try:
                return client.get(_for_workers(tasks, name), [_renamed(key, name) for key in keys])
            except distributed.KilledWorker as error:
                raise OutputError(
                    f"The workers at {address} died again and again at the same tile.",
                    "Their logs say whether memory ran out. The same command continues.",
                ) from error

        yield run, sum(client.nthreads().values())


@contextmanager
def _client(distributed: Any, address: str, threads: int) -> Iterator[Any]:
    if not address.startswith(LOCAL):
        try:
            client = distributed.Client(address, timeout=ANSWER_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"--cluster {address}: no scheduler answers there.",
                "Start one with `dask scheduler`, or give local:N for N processes on this machine.",
            ) from error
        with client:
            yield client
        return
    count = address.removeprefix(LOCAL)
    if not count.isdigit() or not int(count):
        raise SettingsError(f"--cluster {address}: how many processes?", "Give local:2, for example.")
    workers = int(count)
    with (
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=max(1, threads // workers),
            # Any free port: the usual one may be that of another run.
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _check_workers(client: Any, ticket: Ticket) -> None:
    client.wait_for_workers(1, timeout=ANSWER_S)
    for worker, (missing, differences) in client.run(_seen_by_worker, ticket).items():
        if missing:
            raise SettingsError(
                f"The worker {worker} does not see {missing}.",
                "Share the picture and the work folder (--work-dir) with all workers under the same path.",
            )
        if differences:
            others = "; ".join(f"{one.name} {one.now}, here {one.before}" for one in differences)
            raise SettingsError(
                f"The worker {worker} would shape other bytes: it has {others}.",
                "Install the same versions, and use the same kind of processor, everywhere.",
            )


def _seen_by_worker(ticket: Ticket) -> tuple[str | None, tuple[Difference, ...]]:
    """Return which file this worker does not see, and how its own recipe differs from the sender's."""
    for path in (ticket.source, ticket.folder):
        if not path.exists():
            return str(path), ()
    versions = replace(ticket.recipe, versions=shaping_versions())
    if differences := versions.differences(ticket.recipe):
        return None, differences  # other versions may not even load the network
    with _opening:
        network = _network(ticket.compute, ticket.open_network)
    own = replace(
        versions,
        card=network.card,
        graph_sha256=network.sha256,
        precision=network.precision,
        device=network.device,
    )
    return None, own.differences(ticket.recipe)


def _for_workers(tasks: Graph, name: str) -> dict[Any, Any]:
    """Return the graph with keys that no other graph on the cluster has, and each scene in it once.

    A task whose blocks are all on the canvas does nothing: it is one that a worker's death has brought back.
    """
    needed: dict[Key, list[tuple[int, int]]] = {}
    for key, task in tasks.items():
        if len(key) == 3 and key[0] == "block":
            for needs in (key, *task[-1]):
                needed.setdefault(needs, []).append((key[1], key[2]))
    sent: dict[Any, Any] = {}
    for key, (function, scene, level, *arguments) in tasks.items():
        scene_key = f"scene-{id(scene)}-{name}"
        sent[scene_key] = (_SceneRef, scene.ticket, scene.may_add)
        renamed = [_renamed_in(argument, tasks, name) for argument in arguments]
        blocks = needed.get(key)
        sent[_renamed(key, name)] = (_unless_done, blocks, function, scene_key, level, *renamed)
    return sent


def _unless_done(
    blocks: list[tuple[int, int]] | None, function: Callable[..., Any], ref: _SceneRef, level: Level, *arguments: Any
) -> Any:
    """Return what `function` does, or nothing if all the blocks that it is for are on the canvas."""
    with _opening:
        scene = replace(_scene(ref.ticket), may_add=ref.may_add)
    if blocks and all(scene.canvas.has(level.index, i, j) for i, j in blocks):
        return None
    return function(scene, level, *arguments)


def _renamed(key: Key, name: str) -> tuple[Any, ...]:
    return (f"{key[0]}-{name}", *key[1:])


def _renamed_in(argument: Any, tasks: Graph, name: str) -> Any:
    if isinstance(argument, list):
        return [_renamed_in(one, tasks, name) for one in argument]
    return _renamed(argument, name) if isinstance(argument, tuple) and argument in tasks else argument


@lru_cache(maxsize=1)
def _scene(ticket: Ticket) -> Scene:
    source = open_source(ticket.source, max_pixels=ticket.run.max_pixels, scratch=ticket.run.work_dir)
    if ticket.recipe.matting.ignore_alpha:
        source = WithoutAlpha(source)
    plan = ticket.recipe.plan
    pyramid, canvas, journal, hints = joined(ticket.folder, source, plan)
    network = RetryingNetwork(_network(ticket.compute, ticket.open_network))
    progress = _ToClient(f"{TOPIC}-{ticket.name}")
    scene = Scene(plan, pyramid, network, fuse, canvas, journal, progress, hints=hints, strict=ticket.run.strict)
    return for_network(scene, ticket.recipe.card, ticket.recipe.matting)


@lru_cache(maxsize=1)
def _network(compute: ComputeOptions, open_network: Open) -> Opened:
    return open_network(compute, _ToClient(TOPIC))


class _ToClient:
    """The progress of a worker, sent to whoever listens to the topic."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def stage(self, name: str, total: int) -> None: ...

    def advance(self, steps: int = 1) -> None:
        self._send(steps)

    def note(self, text: str) -> None:
        self._send(text)

    def _send(self, what: int | str) -> None:
        from distributed import get_worker

        get_worker().log_event(self._topic, what)


def _pass_on(progress: Progress, event: tuple[float, int | str]) -> None:
    _, what = event
    if isinstance(what, int):
        progress.advance(what)
    else:
        progress.note(what)
