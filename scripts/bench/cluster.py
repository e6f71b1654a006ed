"""How a cluster scales: real processes with the real network, and many workers with one that only sleeps.

    python scripts/bench/cluster.py real examples/portrait.jpg      # 2 threads against local:2
    python scripts/bench/cluster.py sleep --workers 4 16 64         # a network that sleeps, so no processor is needed

Of the second: efficiency is the time that tiles take by themselves, over workers times wall time; the scheduler's own
load is the share of one processor that its process took meanwhile.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiler.core.plan import make_plan
from tiler.engine.cluster import on_cluster, travelling
from tiler.engine.solve import Scene, solve
from tiler.image.open import open_source
from tiler.image.pyramid import build
from tiler.model.card import find_card
from tiler.model.network import Device, UsedPrecision
from tiler.progress import Progress, Silent
from tiler.recipe import Recipe
from tiler.settings import ComputeOptions, Settings
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal

# What a tile of the default network takes on one core, fused.
TILE_S = 0.6
TILE_PX = 64


class Sleeps:
    """A network that answers half after a while."""

    card = find_card("modnet")
    sha256 = ""
    precision: UsedPrecision = "f32"
    device: Device = "cpu"

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        time.sleep(TILE_S)
        return np.full(rgb.shape[:2], 0.5, np.float32)


def open_sleeping(_compute: ComputeOptions, _progress: Progress) -> Sleeps:
    """Return the network that sleeps."""
    return Sleeps()


def main() -> None:
    """Print one line per run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    real = kinds.add_parser("real")
    real.add_argument("picture", type=Path)
    sleep = kinds.add_parser("sleep")
    sleep.add_argument("--workers", type=int, nargs="+", default=[4, 16, 64])
    sleep.add_argument("--tiles-each", type=int, default=40)
    options = parser.parse_args()
    if options.kind == "real":
        seconds = {how: matting_seconds(options.picture, how) for how in ("threads", "local:2")}
        ratio = seconds["threads"] / seconds["local:2"]
        print(f"2 threads {seconds['threads']:.0f} s, 2 processes {seconds['local:2']:.0f} s, throughput {ratio:.2f}x")
        return
    for workers in options.workers:
        print(asleep(workers, options.tiles_each), flush=True)


def matting_seconds(picture: Path, how: str) -> float:
    """Return the seconds from the second level above the base up, where the processes have started."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["matte", picture, "-o", f"{folder}/out.tif", "--report", f"{folder}/r.json", "--quiet", "--threads", 2]
        words += [] if how == "threads" else ["--cluster", how]
        subprocess.run([sys.executable, "-m", "tiler", *map(str, words)], check=True)
        levels = json.loads(Path(folder, "r.json").read_text(encoding="utf-8"))["levels"]
        return float(sum(level["seconds"] for level in levels[2:]))


def asleep(workers: int, tiles_each: int) -> str:
    """Run so many tiles on so many workers, threads of two processes, and tell how that went."""
    side_px = int((workers * tiles_each) ** 0.5 * TILE_PX * 3 / 4) // 2 * 2
    settings = Settings.of(guide_px=32, tile_px=TILE_PX, overlap_px=TILE_PX // 4, threads=workers)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "picture.tif"
        write(path, side_px)
        source = open_source(path)
        plan = make_plan(source.shape, guide_px=side_px // 2, tile_px=TILE_PX, overlap_px=TILE_PX // 4)
        pyramid = build(source, plan.shapes, folder / "pyramid", Silent())
        canvas = Canvas(folder / "canvas", plan)
        scene = Scene(plan, pyramid, Sleeps(), take_tile, canvas, Journal(folder / "journal"), Silent())
        recipe = Recipe(
            source_sha256="",
            card=Sleeps.card,
            graph_sha256=Sleeps.sha256,
            precision=Sleeps.precision,
            device=Sleeps.device,
            plan=plan,
            matting=settings.matting,
        )
        sent = travelling(scene, path, folder, settings, recipe, open_sleeping)
        with on_cluster("local:2", sent) as (run, callers):
            spent, began = time.process_time(), time.monotonic()
            reports = solve(replace(sent, ahead=callers), run, dense=True)
            spent, took = time.process_time() - spent, time.monotonic() - began
        tiles = sum(report.tiles_run for report in reports)
    share = tiles * TILE_S / workers / took
    return f"{workers} workers: {tiles} tiles in {took:.1f} s, efficiency {share:.2f}, scheduler {spent / took:.2f}"


def take_tile(
    alpha: NDArray[np.float32], _guide: NDArray[np.float32], _rgb: NDArray[np.float32], _guide_px: float, /
) -> NDArray[np.float32]:
    """Return the tile's answer: fusing would need the processor."""
    return alpha


def write(path: Path, side_px: int) -> None:
    """Write a grey picture."""
    import tifffile

    tifffile.imwrite(path, np.full((side_px, side_px, 3), 128, np.uint8), photometric="rgb", tile=(512, 512))


if __name__ == "__main__":
    main()
