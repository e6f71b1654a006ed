"""The work of a batch: one network, several pictures at once, and a failure that stops nothing but itself."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from glob import escape as glob_escape
from pathlib import Path
from threading import Event

from tiler.batch.guarded import Done, Log, guarded, make_folder
from tiler.batch.items import Item, Result
from tiler.batch.table import one_line
from tiler.errors import InputError, OutputError
from tiler.image.open import format_of
from tiler.model.session import Session
from tiler.progress import Interruptible, Progress
from tiler.run import matte
from tiler.settings import Settings
from tiler.sidecar import is_done, sidecar_of, source_in
from tiler.store.folder import is_ours
from tiler.store.workdir import tidy, work_folder

REPORT_SUFFIXES = {"report": ".json", "html": ".html", "snapshot": ".npz"}


@dataclass(frozen=True, slots=True)
class Batch:
    """What the pictures of a batch share.

    into: the folder of all outputs; the folders that the settings name for reports have the same structure. overwrite:
    whether files that are not tiler's are replaced.
    """

    settings: Settings
    into: Path
    model: Session
    overwrite: bool


def run_batch(
    items: Sequence[Item],
    settings: Settings,
    model: Session,
    progress_of: Callable[[str], Progress],
    *,
    into: Path,
    jobs: int = 1,
    overwrite: bool = False,
    log: Path | None = None,
) -> Iterator[Result]:
    """Matte the pictures, `jobs` of them at once, and yield what became of each as soon as it is known, in order.

    The threads of the settings are shared out among the jobs. progress_of: gives a picture's progress, by its name.
    into: the folder of all outputs; the folders that the settings name for reports have the same structure. overwrite:
    replace files that are there and were not made by tiler of the same picture. log: where the traceback of an error
    that nobody foresaw is added; `batch.log` in `into` if None.

    When the caller stops early, or is interrupted, the pictures at work stop at their next tile and can be continued.
    """
    jobs = min(jobs, settings.compute.thread_count)
    settings = settings.with_options(threads=settings.compute.thread_count // jobs)
    batch = Batch(settings, into, model, overwrite)
    log_file = Log(log or into / "batch.log")
    stop = Event()

    def check() -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    def one(numbered: tuple[int, Item]) -> Result:
        number, item = numbered
        label = f"{number}/{len(items)} {one_line(item.source.name)}"
        progress = Interruptible(progress_of(label), check)
        return guarded(item, lambda: _matted(item, batch, progress), log_file)

    with ThreadPoolExecutor(jobs, thread_name_prefix="batch") as pool:
        try:
            yield from pool.map(one, enumerate(items, 1))
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


class Labelled:
    """Progress that says which picture a stage is of."""

    def __init__(self, inner: Progress, label: str) -> None:
        self._inner, self._label = inner, label

    def stage(self, name: str, total: int) -> None:
        self._inner.stage(f"{self._label}: {name}", total)

    def advance(self, steps: int = 1) -> None:
        self._inner.advance(steps)

    def note(self, text: str) -> None:
        self._inner.note(text)


class NotesOf:
    """Progress of a picture among others at work: its notes alone, which say whose they are."""

    def __init__(self, inner: Progress, label: str) -> None:
        self._inner, self._label = inner, label

    def stage(self, name: str, total: int) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def note(self, text: str) -> None:
        self._inner.note(f"{self._label}: {text}")


def _matted(item: Item, batch: Batch, progress: Progress) -> Done:
    """Return outcome, tiles run and reason of a picture that is to be matted, after matting it if need be."""
    settings = _with_hints(_with_reports(batch.settings, item, batch.into), item, batch.into)
    folder = work_folder(item.output, settings.run.work_dir)
    if is_done(item.source, item.output, settings, batch.model, progress):
        tidy(folder, progress)
        return "skipped", 0, ""
    reports = [path for path in (getattr(settings.reports, name) for name in REPORT_SUFFIXES) if path is not None]
    # A run that was killed between output and sidecar is continued: its work folder speaks for the output.
    _check_replaceable(item, reports, overwrite=batch.overwrite or is_ours(folder))
    for path in (item.output, *reports):
        make_folder(path.parent)
    report = matte(item.source, item.output, settings, progress, model=batch.model)
    if report.failed_tiles:
        return "failed tiles", report.tiles_run, f"{len(report.failed_tiles)} tiles failed; run again"
    return "done", report.tiles_run, ""


def _check_replaceable(item: Item, reports: Sequence[Path], *, overwrite: bool) -> None:
    """Raise OutputError if a file is in the way that nobody said may go; a picture never goes for a report."""
    for path in reports:
        _check_no_picture(path)
    if not os.path.lexists(item.output) or overwrite:
        return
    source = source_in(item.output)
    if source is None:
        raise OutputError(
            f"{item.output}: this file is there already, and has no {sidecar_of(item.output).name} that says it is "
            "tiler's.",
            "Move it away, name another folder with -o, or replace it with --overwrite.",
        )
    if Path(source).name != item.source.name:
        raise OutputError(
            f"{item.output}: this is the matte of {source}.",
            "Leave out --name or use {name} in it, move the file away, or replace it with --overwrite.",
        )


def _check_no_picture(path: Path) -> None:
    with suppress(InputError):
        format_of(path)
        raise OutputError(f"{path}: this is a picture, in the place of a report.", "Name another folder for reports.")


def _with_reports(settings: Settings, item: Item, into: Path) -> Settings:
    """Return the settings with the folders for reports replaced by this picture's files in them."""
    name = item.output.relative_to(into)
    files = {
        option: folder / name.with_name(f"{name.name}{suffix}")
        for option, suffix in REPORT_SUFFIXES.items()
        if (folder := getattr(settings.reports, option)) is not None
    }
    return settings.with_options(**files)


def _with_hints(settings: Settings, item: Item, into: Path) -> Settings:
    """Return the settings with the folders of guides and trimaps replaced by this picture's files in them.

    Such a file has the picture's name, with any ending. Raises InputError if there is none, or more than one.
    """
    name = item.output.relative_to(into)
    files = {}
    for option in ("guide", "trimap"):
        folder = getattr(settings.hints, option)
        if folder is not None:
            found = sorted((folder / name.parent).glob(f"{glob_escape(item.source.stem)}.*"))
            if len(found) != 1:
                raise InputError(
                    f"{folder / name.parent}: there {'is no' if not found else 'is more than one'} {option} for "
                    f"{item.source.name}.",
                    f"Give it the picture's name, as {item.source.stem}.png, or leave out --{option}.",
                )
            files[option] = found[0]
    return settings.with_options(**files)
