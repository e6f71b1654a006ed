"""The same graph on a Dask cluster: workers open the work folder themselves, and only coordinates and tiles travel.

Every worker process has one network session, or one of two networks. All see the picture and the work folder under the
same path. A worker that dies is replaced by its nanny. What it had in memory is made again, unless the blocks that
needed it are on the canvas. So the bytes are those of one machine.
"""

import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from tiler.core.plan import Level
from tiler.engine.graph import Graph, Key, Runner
from tiler.engine.scene import Scene
from tiler.engine.worker import TOPIC, Open, Ticket, join, let_go, pinned, scene_named
from tiler.errors import OutputError, SettingsError
from tiler.progress import Progress
from tiler.recipe import Recipe
from tiler.settings import Settings

LOCAL = "local:"
ANSWER_S = 15


@dataclass(frozen=True)
class Travelling(Scene):
    """A scene that is sent as its ticket, and made again where it arrives."""

    ticket: Ticket = field(kw_only=True)


@dataclass(frozen=True)
class _SceneRef:
    """What stands for a scene in the graph: the name of its run.

    It travels with every task. As a task of its own, on one worker, it would draw all others there.
    """

    name: str
    may_add: bool


def travelling(
    scene: Scene, source: Path, folder: Path, settings: Settings, recipe: Recipe, open_network: Open
) -> Travelling:
    """Return `scene` as one that may be sent to workers, which see the same `source` and work `folder`."""
    # Each worker would resolve "auto" by itself. Of two networks each may have a precision of its own.
    compute = settings.compute if recipe.guide else replace(settings.compute, precision=recipe.precision)
    ticket = Ticket(uuid4().hex[:8], source.absolute(), folder.absolute(), recipe, compute, settings.run, open_network)
    return Travelling(**{part.name: getattr(scene, part.name) for part in fields(scene)}, ticket=ticket)


@contextmanager
def on_cluster(address: str, scene: Travelling) -> Iterator[tuple[Runner, int]]:
    """Give the runner that works through the graphs of `scene` on the cluster at `address`, and its threads in all.

    address: of a scheduler, tcp://host:8786, or local:N for N worker processes here, which end with the block.

    When the block ends, the workers let go of the picture and of the network.

    Raises SettingsError if nobody answers there, if a worker cannot see the files or would shape other bytes, or if
    the packages of the extra `cluster` are not installed.
    """
    try:
        import cryptography  # noqa: F401  (the processes of local:N speak TLS)
        import distributed
    except ImportError as error:
        raise SettingsError(
            f"--cluster needs the package {error.name}.", "Install it with: pip install 'tiler-matting[cluster]'"
        ) from error
    ticket = scene.ticket
    with _client(distributed, address, ticket.compute.thread_count) as client:
        client.wait_for_workers(1, timeout=ANSWER_S)
        client.subscribe_topic(f"{TOPIC}-{ticket.name}", lambda event: _pass_on(scene.progress, event))

        def run(tasks: Graph, keys: list[Key]) -> Sequence[Any]:
            name = uuid4().hex[:8]
            try:
                found: Sequence[Any] = client.get(_for_workers(tasks, name), [_renamed(key, name) for key in keys])
            except distributed.KilledWorker as error:
                raise OutputError(
                    f"The workers at {address} died again and again at the same tile.",
                    "Their logs say whether memory ran out. The same command continues.",
                ) from error
            return found

        try:
            client.run(join, ticket)
            client.set_metadata(pinned(ticket.name), pickle.dumps(ticket))
            yield run, sum(client.nthreads().values())
        finally:
            # A worker that is gone, or a scheduler, holds nothing any more.
            with suppress(OSError):
                client.set_metadata(pinned(ticket.name), None)
                client.run(let_go, ticket, on_error="ignore")


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
            # Whoever reaches the port of a scheduler can run code: only this process has the certificate.
            security=distributed.Security.temporary(),
            # Any free port, on this machine alone: the usual one may be that of another run.
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _for_workers(tasks: Graph, name: str) -> dict[Any, Any]:
    """Return the graph with keys that no other graph on the cluster has, and the name of the run for each scene.

    A task whose blocks are all on the canvas does nothing: it is one that a worker's death has brought back.
    """
    needed: dict[Key, list[tuple[int, int]]] = {}
    for key, task in tasks.items():
        if key[0] == "block":
            for needs in (key, *task[-1]):
                needed.setdefault(needs, []).append(key[-2:])
    sent: dict[Any, Any] = {}
    for key, (function, scene, level, *arguments) in tasks.items():
        ref = _SceneRef(scene.ticket.name, scene.may_add)
        renamed = [_renamed_in(argument, tasks, name) for argument in arguments]
        blocks = needed.get(key)
        sent[_renamed(key, name)] = (_unless_done, blocks, function, ref, level, *renamed)
    return sent


def _unless_done(
    blocks: list[tuple[int, int]] | None, function: Callable[..., Any], ref: _SceneRef, level: Level, *arguments: Any
) -> Any:
    """Return what `function` does, or nothing if all the blocks that it is for are on the canvas."""
    from distributed import get_worker

    scene = replace(scene_named(ref.name, get_worker()), may_add=ref.may_add)
    if blocks and all(scene.canvas.has(level.index, i, j) for i, j in blocks):
        return None
    return function(scene, level, *arguments)


def _renamed(key: Key, name: str) -> tuple[Any, ...]:
    return (f"{key[0]}-{name}", *key[1:])


def _renamed_in(argument: Any, tasks: Graph, name: str) -> Any:
    if isinstance(argument, list):
        return [_renamed_in(one, tasks, name) for one in argument]
    return _renamed(argument, name) if isinstance(argument, tuple) and argument in tasks else argument


def _pass_on(progress: Progress, event: tuple[float, int | str]) -> None:
    _, what = event
    if isinstance(what, int):
        progress.advance(what)
    else:
        progress.note(what)
