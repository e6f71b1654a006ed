"""Many pictures, one network: what is done and verified is skipped, and a failure stops nothing but itself."""

import csv
import io
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields, replace
from glob import escape as glob_escape
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Literal

from tiler.atomic import atomic_file
from tiler.errors import InputError, OutputError, TilerError
from tiler.image.open import format_of
from tiler.model.tensorflow_runtime import Session
from tiler.progress import Progress
from tiler.run import matte
from tiler.settings import Settings
from tiler.sidecar import is_done

Outcome = Literal["done", "skipped", "failed tiles", "failed"]
# How often a watched folder is looked at. A file that has not changed from one look to the next is whole.
LOOK_EVERY_S = 2.0
REPORT_SUFFIXES = {"report": ".json", "html": ".html", "snapshot": ".npz"}


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One picture and where its matte goes."""

    source: Path
    output: Path


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one picture; `reason` where it failed. The fields are the columns of the CSV."""

    source: str
    output: str
    outcome: Outcome
    seconds: float
    tiles_run: int
    reason: str


def find_items(where: Path, into: Path, suffix: str) -> tuple[Item, ...]:
    """Return the pictures in the folder `where`, at any depth, or those that the text file `where` lists.

    A picture is what begins like one, whatever its name; what is hidden, or lies in `into`, is left alone. A list has
    one path a line, relative to its own folder; empty lines and those that begin with # are passed over, and every
    other line is taken, so that what is missing is said. Outputs keep the structure of the folder. Where two pictures
    would have one output, both keep their own suffix in its name.

    Raises InputError if `where` cannot be read.
    """
    try:
        root, paths = (where, _in_folder(where, into)) if where.is_dir() else (where.parent, _in_list(where))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{where}: cannot be read as a folder or a list of pictures: {error}.",
            "Name a folder, or a text file with one path a line.",
        ) from error
    places = {path: _place(path, root) for path in paths}
    # Names that differ in case alone are one name on some disks.
    shared = Counter(str(place.with_suffix("")).casefold() for place in places.values())
    items, taken = [], set()
    for path, place in places.items():
        stem = place.with_suffix("") if shared[str(place.with_suffix("")).casefold()] == 1 else place
        name, number = f"{stem.name}{suffix}", 2
        while str(stem.with_name(name)).casefold() in taken:
            name, number = f"{stem.name}-{number}{suffix}", number + 1
        taken.add(str(stem.with_name(name)).casefold())
        items.append(Item(path, into / stem.with_name(name)))
    return tuple(items)


def run_batch(
    items: Sequence[Item],
    settings: Settings,
    model: Session,
    progress_of: Callable[[str], Progress],
    *,
    into: Path,
    jobs: int = 1,
) -> Iterator[Result]:
    """Matte the pictures, `jobs` of them at once, and yield what became of each as soon as it is known, in order.

    The threads of the settings are shared out among the jobs. progress_of: gives a picture's progress, by its name.
    into: the folder of all outputs; the folders that the settings name for reports have the same structure.
    When the caller stops early, or is interrupted, the pictures at work stop at their next tile and can be continued.
    """
    settings = settings.with_options(threads=max(1, settings.compute.thread_count // jobs))
    stop = Event()

    def one(numbered: tuple[int, Item]) -> Result:
        number, item = numbered
        return _one(
            item, settings, into, model, _Stoppable(progress_of(f"{number}/{len(items)} {item.source.name}"), stop)
        )

    with ThreadPoolExecutor(jobs, thread_name_prefix="batch") as pool:
        try:
            yield from pool.map(one, enumerate(items, 1))
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def watch(
    find: Callable[[], Sequence[Item]], pause: Callable[[float], None] = time.sleep
) -> Iterator[tuple[Item, ...]]:
    """Yield, for ever, the pictures that are new or changed since they were last given, once they keep still.

    One keeps still if size and time of change are the same in two looks, `LOOK_EVERY_S` seconds apart.
    """
    given: dict[Item, tuple[int, int]] = {}
    before: dict[Item, tuple[int, int]] = {}
    while True:
        now = {item: state for item in find() if (state := _state(item.source)) is not None}
        ready = tuple(i for i, state in now.items() if before.get(i) == state and given.get(i) != state)
        given.update((item, now[item]) for item in ready)
        before = now
        if ready:
            yield ready
        pause(LOOK_EVERY_S)


def to_csv(results: Sequence[Result]) -> str:
    """Return the results as CSV (RFC 4180), the names of the columns first."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(field.name for field in fields(Result))
    rows.writerows(astuple(replace(result, seconds=round(result.seconds, 2))) for result in results)
    return out.getvalue()


def write_csv(results: Sequence[Result], path: Path) -> None:
    """Write the CSV aside and put it in its place; raises OutputError."""
    with atomic_file(path) as file:
        file.write(to_csv(results).encode())


def table(results: Sequence[Result]) -> str:
    """Return an aligned line for each picture that was not skipped, and one with the counts."""
    listed = [result for result in results if result.outcome != "skipped"]
    width = max((len(result.source) for result in listed), default=0)
    lines = [f"{r.source:<{width}}  {r.outcome:<12}  {r.seconds:8.1f} s  {r.reason}".rstrip() for r in listed]
    counts = Counter(result.outcome for result in results)
    return "\n".join(
        [*lines, ", ".join(f"{counts[name]} {name}" for name in ("done", "skipped", "failed tiles", "failed"))]
    )


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


class _Stoppable:
    """Progress that ends the run that reports to it once `stop` is called."""

    def __init__(self, inner: Progress, stop: Event) -> None:
        self._inner, self._stop = inner, stop

    def stage(self, name: str, total: int) -> None:
        self._check()
        self._inner.stage(name, total)

    def advance(self, steps: int = 1) -> None:
        self._check()
        self._inner.advance(steps)

    def note(self, text: str) -> None:
        self._inner.note(text)

    def _check(self) -> None:
        if self._stop.is_set():
            raise KeyboardInterrupt


def _one(item: Item, settings: Settings, into: Path, model: Session, progress: Progress) -> Result:
    began = perf_counter()
    outcome: Outcome = "done"
    tiles_run, reason = 0, ""
    try:
        settings = _with_hints(_with_reports(settings, item, into), item, into)
        if is_done(item.source, item.output, settings, model):
            outcome = "skipped"
        else:
            for path in (item.output, settings.reports.report, settings.reports.html, settings.reports.snapshot):
                if path is not None:
                    _make_folder(path.parent)
            report = matte(item.source, item.output, settings, progress, model=model)
            tiles_run = report.tiles_run
            if report.failed_tiles:
                outcome, reason = "failed tiles", f"{len(report.failed_tiles)} tiles failed; run again"
    except TilerError as error:
        outcome, reason = "failed", " ".join(str(error).split())
    except (OSError, MemoryError) as error:
        outcome, reason = "failed", f"{type(error).__name__}: {error}"
    return Result(str(item.source), str(item.output), outcome, perf_counter() - began, tiles_run, reason)


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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}.", "Name another folder with -o.") from error


def _in_folder(folder: Path, into: Path) -> list[Path]:
    found = []
    for at, folders, names in os.walk(folder):
        here = Path(at)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and not name.endswith((".tiler", ".zarr"))
            and (here / name).resolve() != into.resolve()
        )
        found += [here / name for name in sorted(names) if not name.startswith(".") and _is_picture(here / name)]
    return found


def _in_list(path: Path) -> list[Path]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return list(dict.fromkeys(path.parent / line for line in lines if line and not line.startswith("#")))


def _is_picture(path: Path) -> bool:
    try:
        format_of(path)
    except InputError:
        return False
    return True


def _place(path: Path, root: Path) -> Path:
    """Return where below the output folder a picture belongs: as below `root`, or by its name if it lies elsewhere."""
    absolute, base = Path(os.path.normpath(path.absolute())), Path(os.path.normpath(root.absolute()))
    return absolute.relative_to(base) if absolute.is_relative_to(base) else Path(path.name)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
