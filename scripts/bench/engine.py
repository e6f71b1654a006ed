#!/usr/bin/env python
"""Measure what the engine costs beside its network, and how much memory a large picture takes.

time    all levels from the base to the full picture, against the same network fed the same tiles by plain threads that
        do nothing else; the two take turns, and the best time of each counts
memory  the most memory of a new process that mattes a striped TIFF of 100 megapixels from file to file

    python scripts/bench/engine.py examples/portrait.jpg
"""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import perf_counter

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from scenes import Alpha, opened, parser
from tiler.engine.solve import on_threads, solve
from tiler.model.card import ModelCard
from tiler.model.network import Network
from tiler.model.tensorflow_runtime import open_session
from tiler.progress import Silent
from tiler.report import machine
from tiler.settings import Settings

LARGE_SIDE_PX = 10_000


class Recorder:
    """A network that keeps the pixels it was given."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.tiles: list[NDArray[np.float32]] = []

    @property
    def card(self) -> ModelCard:
        return self._network.card

    def alpha(self, rgb: NDArray[np.float32]) -> Alpha:
        self.tiles.append(rgb)
        return self._network.alpha(rgb)


def main() -> int:
    """Print the machine and both figures."""
    options = parser(__doc__)
    options.add_argument("picture", type=Path)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--large-side-px", type=int, default=LARGE_SIDE_PX, help="side of the picture for memory")
    chosen = options.parse_args()
    print(machine())
    time_engine(chosen.picture, Settings.of(model=chosen.model), chosen.rounds)
    measure_memory(chosen.picture, chosen.model, chosen.large_side_px)
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


def measure_memory(path: Path, model: str, side_px: int) -> None:
    """Print the most memory of one run on a square striped TIFF that is made from the picture."""
    with tempfile.TemporaryDirectory() as scratch:
        large, report = Path(scratch) / "large.tif", Path(scratch) / "report.json"
        pixels = np.asarray(Image.open(path).convert("RGB").resize((side_px, side_px), Image.Resampling.BICUBIC))
        tifffile.imwrite(large, pixels, compression="zlib", predictor=True, rowsperstrip=16, photometric="rgb")
        words = ["matte", large, "-o", Path(scratch) / "out.tif", "--report", report, "--quiet", "--model", model]
        subprocess.run([sys.executable, "-m", "tiler", *map(str, words)], check=True)
        found = json.loads(report.read_text(encoding="utf-8"))
    seconds = ", ".join(f"{stage} {took:.1f} s" for stage, took in found["seconds"].items())
    print(f"{side_px**2 / 1e6:.0f} megapixels, striped: peak {found['peak_memory_mb']:.0f} MB; {seconds}")


if __name__ == "__main__":
    sys.exit(main())
