#!/usr/bin/env python
"""Measure how a cluster scales.

real    the real network: 2 threads of one process, against 2 processes (local:2)
sleep   many workers with a network that sleeps, so that the processors are free for the scheduler; efficiency is the
        time of the tiles by themselves, divided by workers x wall time; the load of the scheduler is the share of one
        processor that its process took meanwhile

    python scripts/bench/cluster.py real examples/portrait.jpg
    python scripts/bench/cluster.py sleep --workers 4 16 64
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from scenes import Alpha, opened, parser
from tiler.engine.cluster import on_cluster, travelling
from tiler.engine.solve import solve
from tiler.model.card import find_card
from tiler.model.network import Device, UsedPrecision
from tiler.progress import Progress
from tiler.recipe import Recipe
from tiler.settings import ComputeOptions, Settings

# What a tile of the default network takes on one core, fused.
TILE_S = 0.6
TILE_PX = 64


class Sleeps:
    """A network that takes `TILE_S` seconds and answers 0.5 everywhere."""

    card = find_card("modnet")
    sha256 = ""
    precision: UsedPrecision = "f32"
    device: Device = "cpu"

    def alpha(self, rgb: NDArray[np.float32], _hint: NDArray[np.float32] | None = None) -> Alpha:
        time.sleep(TILE_S)
        return np.full(rgb.shape[:2], 0.5, np.float32)


def open_sleeping(_compute: ComputeOptions, _progress: Progress) -> Sleeps:
    """Return the network that sleeps; a worker calls this."""
    return Sleeps()


def main() -> int:
    """Print one line per run."""
    options = parser(__doc__)
    kinds = options.add_subparsers(dest="kind", required=True)
    kinds.add_parser("real").add_argument("picture", type=Path)
    sleep = kinds.add_parser("sleep")
    sleep.add_argument("--workers", type=int, nargs="+", default=[4, 16, 64])
    sleep.add_argument("--tiles-each", type=int, default=40)
    chosen = options.parse_args()
    if chosen.kind == "real":
        one, two = (matting_s(chosen.picture, chosen.model, words) for words in ([], ["--cluster", "local:2"]))
        print(f"2 threads {one:.0f} s, 2 processes {two:.0f} s, throughput {one / two:.2f}x")
        return 0
    for workers in chosen.workers:
        print(asleep(workers, chosen.tiles_each), flush=True)
    return 0


def matting_s(picture: Path, model: str, words: list[str]) -> float:
    """Return the seconds from the second level above the base up, where all processes have started, or of the last."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        fixed = ["matte", picture, "-o", f"{folder}/out.tif", "--report", report, "--quiet", "--threads", 2]
        command = [sys.executable, "-m", "tiler", *map(str, fixed), "--model", model, *words]
        subprocess.run(command, check=True)
        levels = json.loads(report.read_text(encoding="utf-8"))["levels"]
        return float(sum(level["seconds"] for level in levels[min(2, len(levels) - 1) :]))


def asleep(workers: int, tiles_each: int) -> str:
    """Run `tiles_each` tiles for each of the workers, threads of two processes, and return a line of figures."""
    side_px = int((workers * tiles_each) ** 0.5 * TILE_PX * 3 / 4) // 2 * 2
    settings = Settings.of(guide_px=side_px // 2, tile_px=TILE_PX, overlap_px=TILE_PX // 4, threads=workers)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "picture.tif"
        tifffile.imwrite(path, np.full((side_px, side_px, 3), 128, np.uint8), photometric="rgb", tile=(512, 512))
        with opened(path, Sleeps(), settings) as picture:
            recipe = Recipe(
                source_sha256="",
                card=Sleeps.card,
                graph_sha256=Sleeps.sha256,
                precision=Sleeps.precision,
                device=Sleeps.device,
                plan=picture.plan,
                matting=settings.matting,
            )
            sent = travelling(picture.scene(), path, picture.folder, settings, recipe, open_sleeping)
            with on_cluster("local:2", sent) as (run, callers):
                spent, began = time.process_time(), time.monotonic()
                reports = solve(replace(sent, backlog_tiles=callers), run, dense=True)
                spent, took = time.process_time() - spent, time.monotonic() - began
    tiles = sum(report.tiles_run for report in reports)
    efficiency = tiles * TILE_S / workers / took
    return (
        f"{workers} workers: {tiles} tiles in {took:.1f} s, efficiency {efficiency:.2f}, scheduler {spent / took:.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
