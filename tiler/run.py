"""One picture from file to file: open, read, solve, export, account."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from tiler.atomic import remove_stale
from tiler.checksum import sha256_of
from tiler.core.doubt import Place, doubt, places
from tiler.core.fusion import fuse
from tiler.core.geometry import Box
from tiler.core.region import regions_of
from tiler.core.seams import Seam, judge
from tiler.engine.graph import Runner, on_threads
from tiler.engine.repair import repair
from tiler.engine.report import LevelReport
from tiler.engine.scene import Scene, for_network
from tiler.engine.solve import solve
from tiler.errors import InputError, OutputError
from tiler.image.hints import NOTHING, Hints
from tiler.image.pyramid import Pyramid
from tiler.image.write.export import check_holds, check_output, export
from tiler.inspect.collect import collect
from tiler.inspect.html import write_html
from tiler.inspect.snapshot import Snapshot, save
from tiler.memory import peak_memory_mb
from tiler.model.pair import Pair
from tiler.model.retry import retrying
from tiler.model.session import Session, open_session
from tiler.progress import Progress, logged
from tiler.recipe import Recipe, hints_of, parts_of
from tiler.report import ModelReport, Report, machine, versions
from tiler.settings import ReportOptions, Settings
from tiler.sidecar import sidecar_of, write_sidecar
from tiler.store.canvas import Canvas
from tiler.store.journal import FailedTile, Journal
from tiler.store.workdir import WorkDir, work_folder, working
from tiler.subject import Subject, opened

# As long as any path below a work folder.
LONGEST_WITHIN = "x" * 120


def matte(
    source: str | Path,
    output: str | Path,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    model: Session | None = None,
) -> Report:
    """Matte the picture `source` into the file `output` and return what happened.

    output: its ending gives the format: .tif, .tiff, .png, .webp, .exr or .zarr. It holds the picture's colours and the
    alpha at the picture's size, or the alpha alone if the settings ask for it. It appears complete or not at all. A
    sidecar, OUTPUT.matte.json, says how it was made.
    settings: every option; defaults, if None. progress: receives stages, tiles and notes. model: a network from
    `tiler.open_model`, which stays open; if None, the one that the settings name is opened and closed.

    A run that is stopped keeps its work folder, and the same call continues it. So does a run in which the network
    failed on tiles: the same call tries these again.

    Raises TilerError: SettingsError, InputError, OutputError or ModelError.
    """
    settings, progress = settings or Settings(), logged(progress)
    source, output = Path(source), Path(output)
    folder = work_folder(output, settings.run.work_dir)
    _check_names(output, folder)
    _check_places(settings.reports)
    check_output(output, settings, source)
    with opened(source, folder.parent, settings, progress, model, continued=folder.exists(), output=output) as subject:
        check_holds(output, subject.picture, settings, progress)
        run = Run(subject, output, settings, progress)
        with working(folder, run.recipe, progress, fresh=settings.run.fresh) as work, run.of_one_file(work):
            for path in (output.resolve(), sidecar_of(output)):
                remove_stale(path)
            scene = run.read(work)
            run.solve(scene, folder)
            snapshot = run.take_snapshot(scene)
            if model is None:
                subject.session.close()  # its memory is not needed for the export
            sha256 = run.export(scene)
            report = run.account()
            _write_reports(report, snapshot, settings.reports)
            subject.check_unchanged()
            write_sidecar(report, replace(run.recipe, output=settings.output), sha256, subject)
            # What vouches for the output is on the disk: only now may the work that led to it go.
            if not run.failed:
                work.finish()
    return report


@dataclass
class Run:
    """The steps of one run, in the order in which `matte` takes them; each keeps what the report will hold."""

    subject: Subject
    output: Path
    settings: Settings
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    levels: tuple[LevelReport, ...] = ()
    seams: tuple[Seam, ...] = ()
    look_here: tuple[Place, ...] = ()
    failed: tuple[FailedTile, ...] = ()

    def __post_init__(self) -> None:
        """Hash the source: the recipe is known before the work folder is opened."""
        subject, session = self.subject, self.subject.session
        self.seconds["load model"] = subject.seconds
        self.recipe = Recipe(
            source_sha256=sha256_of(subject.path, self.progress),
            **parts_of(session),
            plan=subject.plan,
            matting=self.settings.matting,
            hints=hints_of(self.settings.hints, self.progress),
        )

    @contextmanager
    def of_one_file(self, work: WorkDir) -> Iterator[None]:
        """Let the work be removed if the block fails and the picture was changed; raise InputError that says so."""
        try:
            yield
        except BaseException:
            try:
                self.subject.check_unchanged()
            except InputError:
                work.finish()
                raise
            raise

    def read(self, work: WorkDir) -> Scene:
        """Make the levels of the picture in the work folder, or find them there, and return the scene to solve."""
        plan = self.subject.plan
        with self._timed("read and halve"):
            threads = self.settings.compute.thread_count
            self.pyramid = work.pyramid(
                self.subject.picture, plan.shapes, self.progress, wraps=self.subject.wraps, threads=threads
            )
        canvas, journal = work.canvas(plan)
        if done := sum(len(canvas.done(level.index)) for level in plan.levels):
            count = sum(level.count for level in plan.levels)
            self.progress.note(f"{self.output}: continues; {done} of {count} blocks were done.")
        hints = work.hints(self.settings.hints, plan)
        return scene_of(self.subject, self.pyramid, canvas, journal, self.settings, self.progress, hints)

    def solve(self, scene: Scene, folder: Path) -> None:
        """Write the alpha of every level onto the canvas."""
        with self._timed("matte"), _runner(scene, self, folder) as (scene, runner):
            self.levels = solve_with(scene, runner, self.settings)
        self.seams, self.failed = scene.canvas.seams(), scene.journal.failed()
        base, full = self.subject.plan.shapes[-1], self.subject.plan.shapes[0]
        whole = Box.whole(base)
        doubts = doubt(scene.canvas.alpha(len(self.subject.plan.levels) - 1, whole), scene.canvas.spread(whole))
        self.look_here = places(doubts, full)

    def take_snapshot(self, scene: Scene) -> Snapshot | None:
        """Return a snapshot of the run if a report needs one; its close-ups ask the network again."""
        if not (self.settings.reports.html or self.settings.reports.snapshot):
            return None
        with self._timed("snapshot"):
            return collect(scene, self.seams, self.look_here)

    def export(self, scene: Scene) -> str:
        """Write the output file and return its sha256."""
        with self._timed("export"):
            return export(
                self.output,
                self.subject.picture,
                self.pyramid.native,
                lambda box: scene.canvas.steps(0, box),
                self.settings,
                self.progress,
                self.subject.check_unchanged,
                wraps=self.subject.wraps,
            )

    def account(self) -> Report:
        """Return what happened."""
        session = self.subject.session
        return Report(
            source=str(self.subject.path),
            output=str(self.output),
            shape=self.subject.plan.levels[0].shape,
            levels=self.levels,
            seconds=self.seconds,
            peak_memory_mb=peak_memory_mb(),
            model=_model_report(session),
            guide_model=_model_report(session.guide) if isinstance(session, Pair) else None,
            settings=self.settings,
            versions=versions(),
            machine=machine(),
            failed_tiles=self.failed,
            seams=judge(self.seams),
            look_here=self.look_here,
        )

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = perf_counter()
        yield
        self.seconds[stage] = perf_counter() - began


def _model_report(session: Session) -> ModelReport:
    notes = session.graph_report.sentences()
    return ModelReport(session.card.name, session.sha256, session.precision, session.device, notes)


def scene_of(
    subject: Subject,
    pyramid: Pyramid,
    canvas: Canvas,
    journal: Journal,
    settings: Settings,
    progress: Progress,
    hints: Hints = NOTHING,
) -> Scene:
    """Return what the tasks of a run share."""
    guide, tiles = retrying(subject.session)
    scene = Scene(
        subject.plan,
        pyramid,
        guide,
        fuse,
        canvas,
        journal,
        progress,
        hints=hints,
        regions=regions_of(settings.hints.roi),
        strict=settings.run.strict,
        backlog_tiles=settings.compute.thread_count,
        tile_network=tiles,
    )
    return for_network(scene, subject.session.card, settings.matting)


def solve_with(scene: Scene, runner: Runner, settings: Settings) -> tuple[LevelReport, ...]:
    """Solve `scene` as the options of guide and detail say."""
    matting = settings.matting
    return solve(
        scene,
        runner,
        dense=matting.route == "dense",
        dense_levels=matting.dense_levels,
        detail=matting.detail == "network",
        repair=repair if matting.repair else None,
    )


@contextmanager
def _runner(scene: Scene, run: Run, folder: Path) -> Iterator[tuple[Scene, Runner]]:
    """Give the scene and what runs its graphs: threads, or the cluster that the settings name."""
    compute = run.settings.compute
    if compute.cluster is None:
        yield scene, on_threads(compute.thread_count)
        return
    from tiler.engine.cluster import on_cluster, travelling

    sent = travelling(scene, run.subject.path, folder, run.settings, run.recipe, open_session)
    with on_cluster(compute.cluster, sent) as (runner, callers):
        yield replace(sent, backlog_tiles=callers), runner


def _check_names(output: Path, folder: Path) -> None:
    """Raise OutputError if what lies beside the output, or in the work folder, cannot be named after it."""
    for path in (output, sidecar_of(output), folder / LONGEST_WITHIN):
        try:
            path.lstat()
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise OutputError(
                    f"{output}: this name is too long: beside it lies {sidecar_of(output).name}.",
                    "Give a shorter name.",
                ) from error


def _check_places(reports: ReportOptions) -> None:
    """Raise OutputError if a report cannot be written later."""
    for path in (reports.report, reports.html, reports.snapshot):
        if path is not None and not path.absolute().parent.is_dir():
            raise OutputError(f"{path}: there is no such directory.", "Make it, or name another place.")


def _write_reports(report: Report, snapshot: Snapshot | None, reports: ReportOptions) -> None:
    if reports.report:
        report.write(reports.report)
    if snapshot is not None and reports.snapshot:
        save(snapshot, reports.snapshot)
    if snapshot is not None and reports.html:
        write_html(reports.html, snapshot, json.loads(report.to_json()))
