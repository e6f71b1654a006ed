#!/usr/bin/env python
"""How much the engine costs beside its network, and how much memory a large picture takes.

time    the recursion from base to full size (guide, fuse, feather, canvas), against the same session fed the very
        same tiles by plain threads that do nothing else; the two take turns, and the best of each counts
memory  the most resident memory of a fresh process that mattes a 100-megapixel striped TIFF from file to file

  python scripts/bench/engine.py examples/portrait.jpg
"""

import argparse
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

from tiler.core.fusion import fuse
from tiler.engine.solve import Scene, on_threads, solve
from tiler.image.open import open_source
from tiler.image.pyramid import build
from tiler.model.card import ModelCard
from tiler.model.network import Network
from tiler.model.tensorflow_runtime import open_session
from tiler.progress import Silent
from tiler.recipe import plan_for
from tiler.report import machine
from tiler.settings import Settings
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal

LARGE_SIDE_PX = 10_000


def main() -> int:
    """Print the machine and both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    time_engine(options.picture, options.rounds)
    measure_memory(options.picture)
    return 0


class Recorder:
    """A network that keeps what it was asked."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.asked: list[NDArray[np.float32]] = []

    @property
    def card(self) -> ModelCard:
        return self._network.card

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        self.asked.append(rgb)
        return self._network.alpha(rgb)


def time_engine(path: Path, rounds: int) -> None:
    """Print the engine's seconds, those of plain threads on the same tiles, and their ratio."""
    settings = Settings()
    with closing(open_source(path)) as source, closing(open_session(settings.compute, Silent())) as session:
        plan = plan_for(source.shape, session.card, settings.matting)
        with tempfile.TemporaryDirectory() as scratch:
            pyramid = build(source, plan.shapes, Path(scratch) / "pyramid", Silent())

            def engine(network: Network, name: str) -> float:
                canvas = Canvas(Path(scratch) / name, plan)
                began = perf_counter()
                journal = Journal(Path(scratch) / f"{name}-journal")
                solve(
                    Scene(plan, pyramid, network, fuse, canvas, journal, Silent()),
                    on_threads(settings.compute.thread_count),
                )
                return perf_counter() - began

            def plain(tiles: list[NDArray[np.float32]]) -> float:
                began = perf_counter()
                with ThreadPoolExecutor(settings.compute.thread_count) as pool:
                    list(pool.map(session.alpha, tiles))
                return perf_counter() - began

            recorder = Recorder(session)
            engine(recorder, "warm-up")
            pairs = [(engine(session, f"round-{n}"), plain(recorder.asked)) for n in range(rounds)]
    ours, theirs = (min(times) for times in zip(*pairs, strict=True))
    threads = settings.compute.thread_count
    print(f"{len(recorder.asked)} tiles, {threads} threads: engine {ours:.1f} s, plain threads {theirs:.1f} s")
    print(f"engine / plain threads: {ours / theirs:.3f}")


def measure_memory(path: Path) -> None:
    """Print the peak memory of one run on a 100-megapixel striped TIFF made from the picture."""
    with tempfile.TemporaryDirectory() as scratch:
        large, report = Path(scratch) / "large.tif", Path(scratch) / "report.json"
        picture = Image.open(path).convert("RGB").resize((LARGE_SIDE_PX, LARGE_SIDE_PX), Image.Resampling.BICUBIC)
        tifffile.imwrite(
            large, np.asarray(picture), compression="zlib", predictor=True, rowsperstrip=16, photometric="rgb"
        )
        command = [sys.executable, "-m", "tiler", "matte", str(large), "-o", str(Path(scratch) / "out.tif")]
        subprocess.run([*command, "--report", str(report), "--quiet"], check=True)
        found = json.loads(report.read_text())
    seconds = ", ".join(f"{stage} {took:.1f} s" for stage, took in found["seconds"].items())
    print(f"{LARGE_SIDE_PX**2 / 1e6:.0f} megapixels, striped: peak {found['peak_memory_mb']:.0f} MB; {seconds}")


if __name__ == "__main__":
    sys.exit(main())
