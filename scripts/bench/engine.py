#!/usr/bin/env python
"""Measure what the engine costs beside its network.

All levels are solved from the base to the full picture, and the same network is fed the same tiles by plain threads
that do nothing else. The two take turns; the best time of each counts.

    python scripts/bench/engine.py examples/portrait.jpg
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from scenes import Alpha, opened, parser
from tiler.engine.graph import on_threads
from tiler.engine.solve import solve
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
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    print(machine())
    time_engine(chosen.picture, Settings.of(model=chosen.model), chosen.rounds)
    return 0


def time_engine(path: Path, settings: Settings, rounds: int) -> None:
    """Print the seconds of the engine, those of plain threads on the same tiles, and their ratio."""
    threads = settings.compute.thread_count
    with closing(open_session(settings.compute, Silent())) as session, opened(path, session, settings) as picture:

        def engine(network: Network, name: str) -> float:
            scene = picture.scene(name, network=network)
            began = perf_counter()
            solve(scene, on_threads(threads))
            return perf_counter() - began

        def plain(tiles: list[NDArray[np.float32]]) -> float:
            began = perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(session.alpha, tiles))
            return perf_counter() - began

        recorder = Recorder(session)
        engine(recorder, "warm-up")
        pairs = [(engine(session, f"round-{n}"), plain(recorder.tiles)) for n in range(rounds)]
    engine_s, plain_s = (min(times) for times in zip(*pairs, strict=True))
    print(f"{len(recorder.tiles)} tiles, {threads} threads: engine {engine_s:.1f} s, plain threads {plain_s:.1f} s")
    print(f"engine / plain threads: {engine_s / plain_s:.3f}")


if __name__ == "__main__":
    sys.exit(main())
