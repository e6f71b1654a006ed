"""One picture from file to file: open the doors, walk the recursion, export, report."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from tiler.core.fusion import fuse
from tiler.core.geometry import Axis
from tiler.core.plan import Plan, make_plan
from tiler.core.seams import judge
from tiler.engine.repair import mend
from tiler.engine.solve import Run, Scene, on_threads, solve
from tiler.errors import OutputError, SettingsError
from tiler.image.limits import check_room
from tiler.image.metadata.gpano import is_full_turn
from tiler.image.open import open_source
from tiler.image.source import Source
from tiler.image.write.export import check_holds, check_output, export
from tiler.inspect.collect import collect
from tiler.inspect.html import write
from tiler.inspect.snapshot import Snapshot, save
from tiler.memory import peak_memory_mb
from tiler.model.card import ModelCard, find_card
from tiler.model.retry import RetryingNetwork
from tiler.model.tensorflow_runtime import Session, open_session
from tiler.progress import Progress, Silent
from tiler.report import ModelReport, Report, machine, versions
from tiler.settings import Settings
from tiler.sidecar import write_sidecar
from tiler.store.workdir import sha256_of, shaping_versions, work_folder, working


def matte(
    source: str | Path,
    output: str | Path,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    network: Session | None = None,
) -> Report:
    """Matte the picture `source` into `output` and return what happened.

    output: a .tif, .tiff or .png file; straight RGBA at the picture's size and depth, or the alpha alone if the
    settings say so. It appears complete or not at all.
    A run that is stopped leaves its work folder beside the output, or in `settings.work_dir`, and the same call
    continues it. So does one whose network failed on tiles; the same call tries those again.
    settings: see `Settings`. progress: hears of stages and tiles; nobody does by default. network: what `open_session`
    gave for these settings, for runs that share it; it is left open. A sidecar, OUTPUT.matte.json, says how the output
    was made.

    Raises TilerError: SettingsError, InputError, OutputError or ModelError.
    """
    settings = settings or Settings()
    progress = progress or Silent()
    source, output = Path(source), Path(output)
    seconds: dict[str, float] = {}
    for aside in (settings.seams, settings.html):
        if aside is not None and not aside.absolute().parent.is_dir():
            raise OutputError(f"{aside}: there is no such directory.", "Make it, or name another place.")

    check_output(output, settings, source)
    folder = work_folder(output, settings.work_dir)
    with closing(open_source(source, max_pixels=settings.max_pixels)) as picture:
        for note in picture.metadata.notes:
            progress.note(f"{source}: {note}")
        check_holds(output, picture.shape)
        tile_px = settings.tile_px or find_card(settings.model).tile_px
        check_room(source, picture, folder.parent, tile_px, settings.threads, continued=folder.exists())
        wraps = is_wrapped(picture, settings)
        with _timed(seconds, "load model"):
            session = network or open_session(settings, progress)
        with nullcontext() if network else closing(session):
            plan = plan_for(picture.shape, session.card, settings, wraps=wraps)
            model = ModelReport(session.card.name, session.sha256, session.precision, session.facts.sentences())
            prints = fingerprint(sha256_of(source, progress), model, plan, settings)
            with working(folder, prints, fresh=settings.fresh) as job:
                with _timed(seconds, "read and halve"):
                    pyramid = job.pyramid(picture, plan.shapes, progress, wraps=wraps)
                canvas, journal = job.canvas(plan)
                if done := sum(len(canvas.found(level.index)) for level in plan.levels):
                    count = sum(level.count for level in plan.levels)
                    progress.note(f"{output}: continues; {done} of {count} blocks were done.")
                with _timed(seconds, "matte"):
                    scene = Scene(
                        plan, pyramid, RetryingNetwork(session), fuse, canvas, journal, progress, settings.strict
                    )
                    with _runner(scene, source, folder, settings) as (scene, run):
                        levels = solve(
                            scene,
                            run,
                            dense=settings.route == "dense",
                            finding=settings.dense_levels,
                            detail=settings.detail == "network",
                            mend=mend if settings.mend else None,
                        )
                seams = canvas.seams()
                shown = None
                if settings.html or settings.seams:
                    with _timed(seconds, "look at seams"):
                        shown = collect(scene, seams)
                if network is None:
                    session.close()  # its memory is not needed for the export
                with _timed(seconds, "export"):
                    export(
                        output,
                        picture,
                        pyramid.native,
                        lambda box: canvas.steps(0, box),
                        settings,
                        progress,
                    )
                failed = journal.failed()
                if not failed:
                    job.finish()
    report = Report(
        source=str(source),
        output=str(output),
        shape=plan.levels[0].shape,
        levels=levels,
        seconds=seconds,
        peak_memory_mb=peak_memory_mb(),
        model=model,
        settings=settings,
        versions=versions(),
        machine=machine(),
        failed_tiles=failed,
        seams=judge(seams),
    )
    if shown is not None:
        _show(shown, report, settings)
    write_sidecar(report, prints)
    return report


@contextmanager
def _runner(scene: Scene, source: Path, folder: Path, settings: Settings) -> Iterator[tuple[Scene, Run]]:
    """Give the scene and what runs its graphs: threads, or the cluster that the settings name."""
    if settings.cluster is None:
        yield replace(scene, ahead=settings.threads), on_threads(settings.threads)
        return
    from tiler.engine.cluster import on_cluster, travelling

    sent = travelling(scene, source, folder, settings, open_session)
    with on_cluster(settings.cluster, sent) as (run, callers):
        yield replace(sent, ahead=callers), run


def _show(look: Snapshot, report: Report, settings: Settings) -> None:
    """Write what the settings ask for of a look at the seams: the arrays, the page."""
    if settings.seams:
        save(look, settings.seams)
    if settings.html:
        write(settings.html, look, json.loads(report.to_json()))


def is_wrapped(picture: Source, settings: Settings) -> bool:
    """Return whether the picture's left and right ends are neighbours: as the settings say, or else as it says."""
    return is_full_turn(picture.metadata.xmp, picture.shape) if settings.wrap is None else settings.wrap


def plan_for(shape: tuple[int, int], card: ModelCard, settings: Settings, *, wraps: bool = False) -> Plan:
    """Return the plan for a picture of `shape`: what the settings ask for, and else what the model likes.

    wraps: its left and right ends are neighbours.

    Raises SettingsError if tile and overlap do not fit each other.
    """
    tile_px = settings.tile_px or card.tile_px
    overlap_px = settings.overlap_px if settings.overlap_px is not None else min(card.overlap_px, tile_px // 4)
    if 2 * overlap_px > tile_px:
        raise SettingsError(
            f"--overlap-px {overlap_px} is more than half of the {tile_px} px tiles of {card.name}.",
            f"Choose an overlap of {tile_px // 2} or less, or larger tiles with --tile-px.",
        )
    guide_px = settings.guide_px or card.guide_px
    return make_plan(shape, guide_px=guide_px, tile_px=tile_px, overlap_px=overlap_px, wraps=wraps)


def fingerprint(source_sha256: str, model: ModelReport, plan: Plan, settings: Settings) -> dict[str, str | int | bool]:
    """Return all that shapes an alpha, each part by its name. Threads and the kind of output do not."""
    base, cols = plan.levels[-1], plan.levels[0].cols
    return {
        "source sha256": source_sha256,
        "model": model.name,
        "model sha256": model.sha256,
        "precision": model.precision,
        "--guide-px": min(base.shape),
        "--tile-px": cols.tile_px,
        "--overlap-px": settings.overlap_px if settings.overlap_px is not None else "the model's own",
        "--wrap": cols.wraps,
        "--route": settings.route,
        "--dense-levels": settings.dense_levels,
        "--detail": settings.detail,
        "--mend": settings.mend,
        "levels": " ".join(_tiling(level.rows) + "x" + _tiling(level.cols) for level in plan.levels),
        **shaping_versions(),
    }


def _tiling(axis: Axis) -> str:
    return f"{axis.size}/{axis.block_px}/{axis.tile_px}/{axis.feather_px}"


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = perf_counter()
    yield
    seconds[stage] = perf_counter() - began
