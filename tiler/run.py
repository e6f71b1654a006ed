"""One picture from file to file: open the doors, walk the recursion, export, report."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter

from tiler.canvas import Canvas
from tiler.engine import Scene, on_threads, solve
from tiler.errors import OutputError, SettingsError
from tiler.fuse import fuse
from tiler.image.bounds import check_room
from tiler.image.export import check_holds, check_output, export
from tiler.image.open import open_source
from tiler.image.panorama import is_full_turn
from tiler.image.pyramid import build
from tiler.model.card import ModelCard
from tiler.model.session import open_session
from tiler.plan import Plan, make_plan
from tiler.progress import Progress, Silent
from tiler.report import ModelReport, Report, machine, peak_memory_mb, versions
from tiler.settings import Settings


def matte(
    source: str | Path, output: str | Path, settings: Settings | None = None, progress: Progress | None = None
) -> Report:
    """Matte the picture `source` into `output` and return what happened.

    output: a .tif, .tiff or .png file; straight RGBA at the picture's size and depth, or the alpha alone if the
    settings say so. It appears complete or not at all; scratch files are gone when this returns or raises.
    settings: see `Settings`. progress: hears of stages and tiles; nobody does by default.

    Raises TilerError: SettingsError, InputError, OutputError or ModelError.
    """
    settings = settings or Settings()
    progress = progress or Silent()
    source, output = Path(source), Path(output)
    seconds: dict[str, float] = {}

    check_output(output, settings, source)
    with closing(open_source(source, max_pixels=settings.max_pixels)) as picture, _scratch(settings) as scratch:
        for note in picture.metadata.notes:
            progress.note(f"{source}: {note}")
        check_holds(output, picture.shape)
        check_room(source, picture, scratch)
        wraps = is_full_turn(picture.metadata.xmp, picture.shape) if settings.wrap is None else settings.wrap
        with _timed(seconds, "load model"):
            network = open_session(settings, progress)
        with closing(network):
            plan = plan_for(picture.shape, network.card, settings, wraps=wraps)
            with _timed(seconds, "read and halve"):
                pyramid = build(picture, plan.shapes, scratch / "pyramid", progress)
            canvas = Canvas(scratch / "canvas", plan)
            with _timed(seconds, "matte"):
                levels = solve(
                    Scene(plan, pyramid, network, fuse, canvas, progress),
                    on_threads(settings.threads),
                    dense=settings.route == "dense",
                    finding=settings.dense_levels,
                )
            model = ModelReport(network.card.name, network.sha256, network.precision, network.facts.sentences())
        with _timed(seconds, "export"):
            export(
                output,
                picture,
                pyramid.native,
                lambda box: canvas.steps(0, box),
                settings,
                progress,
            )
    return Report(
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
    )


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
    comfort_px = settings.comfort_px or card.comfort_px
    return make_plan(shape, comfort_px=comfort_px, tile_px=tile_px, overlap_px=overlap_px, wraps=wraps)


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    """Give a directory for scratch files that is gone afterwards, whatever happens."""
    try:
        scratch = tempfile.TemporaryDirectory(prefix="tiler-", dir=settings.work_dir, ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(
            f"Scratch files cannot be made in {settings.work_dir or tempfile.gettempdir()}: {error.strerror}.",
            "Name a directory that exists and can be written to with --work-dir.",
        ) from error
    with scratch as path:
        yield Path(path)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = perf_counter()
    yield
    seconds[stage] = perf_counter() - began
