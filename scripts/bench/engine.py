#!/usr/bin/env python
"""Measure what the engine costs beside its network.

All levels are solved from the base to the full picture, and the same network is fed the same views and tiles by plain
threads that do nothing else. The two take turns; the best time of each counts. The network sees tiles at all levels:
those that the guide leaves uncertain, or all of them.

    python scripts/bench/engine.py examples/portrait.jpg
    python scripts/bench/engine.py examples/portrait.jpg --route dense --rounds 1
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scenes import Alpha, opened, parser, settings_of, timed
from tiler.engine.graph import on_threads
from tiler.engine.solve import solve
from tiler.memory import peak_memory_mb, set_up_malloc
from tiler.model.card import ModelCard
from tiler.model.network import Network
from tiler.model.session import open_session
from tiler.progress import Silent
from tiler.report import machine
from tiler.settings import Settings


class Recorder:
    """A network that keeps the pixels it was given."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.tiles: list[NDArray[np.float32]] = []

    @property
    def card(self) -> ModelCard:
        return self._network.card

    def alpha(self, rgb: NDArray[np.float32], hint: NDArray[np.float32] | None = None) -> Alpha:
        self.tiles.append(rgb)
        return self._network.alpha(rgb, hint)


def main() -> int:
    """Print the machine and the figures."""
    options = parser(__doc__)
    options.add_argument("picture", type=Path)
    options.add_argument("--route", choices=("auto", "dense"), default="auto", help="as for tiler matte")
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    print(machine())
    set_up_malloc()
    time_engine(chosen.picture, settings_of(chosen, route=chosen.route), chosen.rounds)
    return 0


def time_engine(path: Path, settings: Settings, rounds: int) -> None:
    """Print the seconds of the engine, those of plain threads on the same tiles, and their ratios."""
    threads = settings.compute.thread_count
    with closing(open_session(settings.compute, Silent())) as session, opened(path, session, settings) as picture:

        def engine(name: str) -> list[NDArray[np.float32]]:
            recorder = Recorder(session)
            scene = picture.scene(name, network=recorder, backlog_tiles=threads)
            solve(scene, on_threads(threads), dense=settings.matting.route == "dense")
            return recorder.tiles

        def plain(tiles: list[NDArray[np.float32]]) -> None:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(session.alpha, tiles))

        session.alpha(np.zeros((512, 512, 3), np.float32))
        of_engine, of_plain = [], []
        for number in range(rounds):
            tiles, taken = timed(partial(engine, f"round-{number}"))
            of_engine.append(taken)
            of_plain.append(timed(partial(plain, tiles))[1])
    engine_s, plain_s = np.min(of_engine, axis=0), np.min(of_plain, axis=0)
    print(f"{len(tiles)} views and tiles, {threads} threads, seconds (wall, processor):")
    print(f"engine {engine_s.round(1)}, plain threads {plain_s.round(1)}")
    print(f"engine / plain threads: {(engine_s / plain_s).round(3)}; peak memory {peak_memory_mb()} MB")


if __name__ == "__main__":
    sys.exit(main())
