"""What a run would take, before it is begun: tiles, time, memory and disk.

The picture is read and halved, and its base matted, as a run would do; a few tiles are timed on this machine, as many
at once as a run has. The rest is arithmetic on the base's alpha.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from tiler.core.guide import uncertain_tiles
from tiler.core.plan import Level, Plan
from tiler.core.region import tiles_in
from tiler.engine.answer import network_sees
from tiler.engine.base import base_graph, views_to_run
from tiler.engine.closer import look_closer
from tiler.engine.graph import Graph, on_threads, run_tile
from tiler.engine.scene import Scene
from tiler.errors import OutputError
from tiler.image.hints import keep_hints
from tiler.image.limits import available_memory, needed_bytes, size_of
from tiler.image.pyramid import build
from tiler.memory import peak_memory_mb
from tiler.model.session import Session
from tiler.progress import Progress
from tiler.run import scene_of
from tiler.settings import MattingOptions, Settings
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal
from tiler.subject import network_for, opened

PROBES = 2


@dataclass(frozen=True, slots=True)
class LevelEstimate:
    """One level: its (height, width) in pixels, its tiles, and how many of them are likely to run."""

    level: int
    shape: tuple[int, int]
    tiles: int
    uncertain_tiles: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would take.

    read_s: seconds to read and halve, measured. tile_s, colour_tile_s: seconds a tile that the network sees, and one
    that it does not see, with as many at once as a run has, measured. matte_s: seconds from there to the alpha,
    predicted; the export comes on top. memory and scratch in bytes: memory is the most this process has had in doing
    all of it but the export, or the rule that `matte` refuses by, if more.
    """

    levels: tuple[LevelEstimate, ...]
    read_s: float
    tile_s: float
    colour_tile_s: float
    matte_s: float
    memory_bytes: float
    scratch_bytes: int
    free_memory_bytes: int
    free_scratch_bytes: int

    def table(self) -> str:
        """Return an aligned table, the picture's own size first, and what it comes to."""
        rows = [("level", "pixels", "tiles", "likely to run")]
        for level in self.levels:
            height, width = level.shape
            rows.append((str(level.level), f"{width} x {height}", str(level.tiles), str(level.uncertain_tiles)))
        tiles, likely = sum(level.tiles for level in self.levels), sum(level.uncertain_tiles for level in self.levels)
        rows.append(("all", "", str(tiles), f"{likely}, {100 * likely / tiles:.0f} %"))
        widths = [max(len(row[n]) for row in rows) for n in range(4)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join(
            [
                *lines,
                "",
                f"time     about {_time(self.read_s + self.matte_s)} and the export; "
                f"{self.read_s:.1f} s to read; a tile takes {self.tile_s:.2f} s, without network "
                f"{self.colour_tile_s:.2f} s, measured",
                f"memory   about {size_of(round(self.memory_bytes))}; {size_of(self.free_memory_bytes)} are free",
                f"scratch  about {size_of(self.scratch_bytes)}; {size_of(self.free_scratch_bytes)} are free",
            ]
        )


def estimate(path: Path, settings: Settings, progress: Progress, *, model: Session | None = None) -> Estimate:
    """Return what matting the picture `path` would take; raises TilerError as `matte` does.

    model: one that is open; else it is opened and closed.
    """
    threads = settings.compute.thread_count
    with (
        _scratch(settings.run.work_dir) as scratch,
        opened(path, scratch, settings, progress, model) as subject,
    ):
        plan, picture = subject.plan, subject.picture
        memory, disk = needed_bytes(picture)
        memory += network_for(plan, subject.session.card, settings).memory
        free_memory, free_disk = available_memory(), shutil.disk_usage(scratch).free
        began = perf_counter()
        pyramid = build(picture, plan.shapes, scratch / "pyramid", progress, wraps=subject.wraps, threads=threads)
        read_s = perf_counter() - began
        canvas, journal = Canvas(scratch / "canvas", plan), Journal(scratch / "journal")
        hints = keep_hints(scratch / "hints", settings.hints, plan.shapes[0], plan.shapes[-1])
        scene = replace(scene_of(subject, pyramid, canvas, journal, settings, progress, hints), strict=True)
        base_s = _solve_base(scene, threads)
        likely = [_likely(scene, level, settings.matting) for level in plan.levels]
        tile_s = _probe(scene, plan, likely, threads)
        colour_tile_s = _probe(replace(scene, network_levels=0), plan, likely, threads)
        seconds = [tile_s if network_sees(scene, level) else colour_tile_s for level in plan.levels[:-1]]
    matte_s = base_s + sum(len(tiles) * each for tiles, each in zip(likely[:-1], seconds, strict=True))
    return Estimate(
        levels=tuple(
            LevelEstimate(level.index, level.shape, level.count, len(tiles))
            for level, tiles in zip(plan.levels, likely, strict=True)
        ),
        read_s=read_s,
        tile_s=tile_s,
        colour_tile_s=colour_tile_s,
        matte_s=matte_s,
        memory_bytes=max(memory, (peak_memory_mb() or 0) * 1e6),
        scratch_bytes=disk,
        free_memory_bytes=free_memory,
        free_scratch_bytes=free_disk,
    )


def _solve_base(scene: Scene, threads: int) -> float:
    """Write the alpha of the base onto the canvas, look closer, and return the seconds that it took."""
    base = scene.plan.levels[-1]
    tasks = base_graph(scene, base, frozenset(base.tiles))
    scene.progress.stage("the small picture", views_to_run(tasks))
    began = perf_counter()
    on_threads(threads)(tasks, [("row", base.rows.count - 1)])
    look_closer(scene, on_threads(threads))
    return perf_counter() - began


@contextmanager
def _scratch(work_dir: Path | None) -> Iterator[Path]:
    """Give a directory of our own in `work_dir`, or where the system keeps such, until the block ends."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="tiler-", dir=work_dir)
    except OSError as error:
        raise OutputError(
            f"Scratch files cannot be made in {work_dir or tempfile.gettempdir()}: {error.strerror}.",
            "Name a directory that exists and can be written to with --work-dir.",
        ) from error
    with folder as name:
        yield Path(name)


def _likely(scene: Scene, level: Level, matting: MattingOptions) -> frozenset[tuple[int, int]]:
    """Return the tiles of `level` that are likely to run: those that the base, enlarged so far, would leave open.

    Exact for the level above the base; finer ones are guided better than this, and run at most a few fewer.
    """
    base = scene.plan.levels[-1]
    inside = tiles_in(level, scene.regions, scene.plan.shapes[0])
    if level is base:
        return frozenset(level.tiles)
    if level.index >= base.index - matting.dense_levels:
        return inside
    if matting.detail == "none":
        return frozenset()
    if matting.route == "dense":
        return inside
    guide_scale = (level.shape[0] / base.shape[0], level.shape[1] / base.shape[1])
    return inside & uncertain_tiles(
        lambda box: scene.canvas.alpha(base.index, box), replace(level, guide_scale=guide_scale), base
    )


def _probe(scene: Scene, plan: Plan, likely: list[frozenset[tuple[int, int]]], threads: int) -> float:
    """Return the seconds a tile takes with `threads` at once, in the level above the base; 0 if there is none."""
    if len(plan.levels) == 1:
        return 0.0
    level = plan.levels[-2]
    chosen = frozenset(sorted(likely[-2] or level.tiles)[: max(PROBES, threads)])
    tasks: Graph = {("tile", i, j): (run_tile, scene, level, i, j, []) for i, j in chosen}
    scene.progress.stage("probe", 2 * len(tasks))
    run = on_threads(threads)
    run(tasks, list(tasks))  # the first tile of a size takes longer than all others
    began = perf_counter()
    run(tasks, list(tasks))
    return (perf_counter() - began) / len(tasks)


def _time(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
