"""The same graph on a Dask cluster: workers open the work folder themselves, and only coordinates and tiles travel.

Every worker process has one network session. All see the picture and the work folder under the same path. A worker
that dies is replaced by its nanny; what it had in memory is made again, except where the canvas shows that nobody
needs it any more. So the bytes are those of one machine.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from tiler.core.fusion import fuse
from tiler.core.plan import Level, Plan
from tiler.engine.solve import Graph, Key, Run, Scene
from tiler.errors import OutputError, SettingsError
from tiler.image.open import open_source
from tiler.model.network import Network
from tiler.model.retry import RetryingNetwork
from tiler.progress import Progress
from tiler.settings import Settings
from tiler.store.workdir import joined, shaping_versions

LOCAL = "local:"
ANSWER_S = 15
TOPIC = "tiler"
_opening = Lock()


@dataclass(frozen=True)
class Recipe:
    """What another process needs to make the scene of a run for itself.

    name: of this run alone, so that nothing of an earlier one is taken for it. open_network: makes the one network of
    the process.
    """

    name: str
    source: Path
    folder: Path
    plan: Plan
    settings: Settings
    open_network: Callable[[Settings, Progress], Network]


@dataclass(frozen=True)
class Travelling(Scene):
    """A scene that is sent as its recipe, and made again where it arrives."""

    recipe: Recipe = field(kw_only=True)


@dataclass(frozen=True)
class _Ticket:
    """What stands for a scene in the graph. It is read in the scheduler, too, where no scene should open."""

    recipe: Recipe
    finds: bool


def travelling(
    scene: Scene, source: Path, folder: Path, settings: Settings, open_network: Callable[[Settings, Progress], Network]
) -> Travelling:
    """Return `scene` as one that may be sent to workers, who see the same `source` and work `folder`."""
    recipe = Recipe(uuid4().hex[:8], source.absolute(), folder.absolute(), scene.plan, settings, open_network)
    return Travelling(**{part.name: getattr(scene, part.name) for part in fields(scene)}, recipe=recipe)


@contextmanager
def on_cluster(address: str, scene: Travelling) -> Iterator[tuple[Run, int]]:
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
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    recipe = scene.recipe
    with _client(distributed, address, recipe.settings.threads) as client:
        _check_workers(client, recipe)
        client.subscribe_topic(f"{TOPIC}-{recipe.name}", lambda event: _heard(scene.progress, event))

        def run(tasks: Graph, keys: list[Key]) -> object:
            name = uuid4().hex[:8]
            try:
                return client.get(_for_workers(tasks, name), [_renamed(key, name) for key in keys])
            except distributed.KilledWorker as error:
                raise OutputError(
                    f"The workers at {address} died again and again at the same tile.",
                    "Snapshot for want of memory in their logs; the same command continues.",
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
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _check_workers(client: Any, recipe: Recipe) -> None:
    client.wait_for_workers(1, timeout=ANSWER_S)
    own = shaping_versions()
    for worker, (versions, missing) in client.run(_seen_by_worker, recipe.source, recipe.folder).items():
        if missing:
            raise SettingsError(
                f"The worker {worker} does not see {missing}.",
                "Share the picture and the work folder (--work-dir) with all workers under the same path.",
            )
        others = [f"{name} {versions.get(name)}, here {own[name]}" for name in own if versions.get(name) != own[name]]
        if others:
            raise SettingsError(
                f"The worker {worker} would shape other bytes: it has {'; '.join(others)}.",
                "Install the same versions everywhere.",
            )


def _seen_by_worker(source: Path, folder: Path) -> tuple[dict[str, str], str | None]:
    return shaping_versions(), next((str(path) for path in (source, folder) if not path.exists()), None)


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
        sent[scene_key] = (_Ticket, scene.recipe, scene.finds)
        renamed = [_renamed_in(argument, tasks, name) for argument in arguments]
        blocks = needed.get(key)
        sent[_renamed(key, name)] = (_unless_done, blocks, function, scene_key, level, *renamed)
    return sent


def _unless_done(
    blocks: list[tuple[int, int]] | None, function: Callable[..., Any], ticket: _Ticket, level: Level, *arguments: Any
) -> Any:
    """Return what `function` does, or nothing if all the blocks that it is for are on the canvas."""
    with _opening:
        scene = replace(_scene(ticket.recipe), finds=ticket.finds)
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
def _scene(recipe: Recipe) -> Scene:
    source = open_source(recipe.source, max_pixels=recipe.settings.max_pixels)
    pyramid, canvas, journal = joined(recipe.folder, source, recipe.plan)
    network = RetryingNetwork(_network(recipe.settings, recipe.open_network))
    told = _Told(f"{TOPIC}-{recipe.name}")
    return Scene(recipe.plan, pyramid, network, fuse, canvas, journal, told, recipe.settings.strict)


@lru_cache(maxsize=1)
def _network(settings: Settings, open_network: Callable[[Settings, Progress], Network]) -> Network:
    return open_network(settings, _Told(TOPIC))


class _Told:
    """The progress of a worker, sent to whoever listens to the topic."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def stage(self, name: str, total: int) -> None: ...

    def advance(self, steps: int = 1) -> None:
        self._tell(steps)

    def note(self, text: str) -> None:
        self._tell(text)

    def _tell(self, what: int | str) -> None:
        from distributed import get_worker

        get_worker().log_event(self._topic, what)


def _heard(progress: Progress, event: tuple[float, int | str]) -> None:
    _, what = event
    if isinstance(what, int):
        progress.advance(what)
    else:
        progress.note(what)
