"""The work folder of one run: what it is for, who is at work in it, and what is left when it stops.

    OUTPUT.tiler/
        tiler-work-folder   our marker: without it the folder is somebody else's
        lock                held by the process at work; the system releases it when that process dies
        recipe.json         all that shapes the alpha, each part by name
        pyramid/            the picture's levels; `complete` among them says that they are
        canvas/             the alpha of each level, block by block
        journal/            tiles whose blocks are not written yet, and tiles that failed
        hints/              a guide and a trimap of the user's, as arrays

A folder with a complete pyramid is worth keeping; what stopped earlier leaves nothing.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tiler.atomic import atomic_file, sync_to_disk, sync_tree_to_disk
from tiler.core.blending import touching
from tiler.core.plan import Plan
from tiler.errors import OutputError, SettingsError
from tiler.image.hints import Hints, keep_hints, kept_hints
from tiler.image.pyramid import Pyramid, build, is_whole, reopen
from tiler.image.source import Source
from tiler.memory import release_memory
from tiler.progress import Progress
from tiler.recipe import Recipe
from tiler.settings import HintOptions
from tiler.store.canvas import Canvas
from tiler.store.folder import claim, empty, is_ours, remove, sweep
from tiler.store.journal import Journal
from tiler.store.lock import FolderGoneError, locked

RECIPE = "recipe.json"
HINTS = "hints"


class WorkDir:
    """An open work folder; `working` gives one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._finished = False

    @property
    def worth_keeping(self) -> bool:
        return not self._finished and self._marker.exists() and (self._folder / RECIPE).exists()

    def finish(self) -> None:
        """Let the folder be removed: its work is done."""
        self._finished = True

    def pyramid(
        self,
        source: Source,
        shapes: Sequence[tuple[int, int]],
        progress: Progress,
        *,
        wraps: bool = False,
        threads: int = 1,
    ) -> Pyramid:
        """Return the pyramid, opened if it is complete and undamaged, else built, as `wraps` and `threads` say."""
        root = self._folder / "pyramid"
        if self._marker.exists():
            if is_whole(source, shapes, root):
                return reopen(source, shapes, root)
            progress.note(f"{root}: a part of it is missing or damaged; it is made anew.")
            self._marker.unlink()
        root.mkdir(exist_ok=True)
        pyramid = build(source, shapes, root, progress, wraps=wraps, threads=threads)
        # A power cut must not leave the marker and take what it speaks for.
        sync_tree_to_disk(root)
        self._marker.touch()
        sync_to_disk(root)
        release_memory()
        return pyramid

    def hints(self, options: HintOptions, plan: Plan) -> Hints:
        """Return what is known beforehand, read anew: the files are small beside the picture."""
        return keep_hints(self._folder / HINTS, options, plan.levels[0].shape, plan.levels[-1].shape)

    def canvas(self, plan: Plan) -> tuple[Canvas, Journal]:
        """Return the canvas and its journal. Tiles that failed last time are to be tried again.

        So the blocks that the guide stood in for are taken away, and all finer levels, which were guided by them.
        """
        canvas, journal = Canvas(self._folder / "canvas", plan), Journal(self._folder / "journal")
        for level in plan.levels:
            if not canvas.is_repair_whole(level.index):
                _begin_again(canvas, plan, level.index)
        failed = {(tile.level, tile.row, tile.col) for tile in journal.failed()}
        if failed:
            coarsest = max(level for level, _, _ in failed)
            level = plan.levels[coarsest]
            if canvas.committed(coarsest) is None:
                bad = [b for b in level.tiles if any((coarsest, *t) in failed for t in touching(level, *b))]
                _begin_again(canvas, plan, coarsest - 1)
                canvas.erase(coarsest, bad)
                canvas.discard_staged(coarsest)
            else:  # a repaired level is no longer what its tiles gave; none of it can stay
                _begin_again(canvas, plan, coarsest)
            journal.clear_failed()
        return canvas, journal

    @property
    def _marker(self) -> Path:
        return self._folder / "pyramid" / "complete"


def joined(folder: Path, source: Source, plan: Plan) -> tuple[Pyramid, Canvas, Journal, Hints]:
    """Return what the process that holds the lock of `folder` has made ready, for another one to work on."""
    pyramid = reopen(source, plan.shapes, folder / "pyramid")
    return pyramid, Canvas(folder / "canvas", plan), Journal(folder / "journal"), kept_hints(folder / HINTS)


@contextmanager
def working(folder: Path, recipe: Recipe, progress: Progress, *, fresh: bool = False) -> Iterator[WorkDir]:
    """Give the work folder, begun or continued; no other process can have it meanwhile.

    recipe: what is to be made. fresh: begin in any case. When the block ends badly the folder stays if its pyramid is
    complete; else it is removed.

    Raises OutputError if the folder cannot be had, SettingsError if the work in it has another recipe.
    """
    with _held(folder) as held:
        work = WorkDir(folder)
        try:
            if fresh or not work.worth_keeping:
                empty(folder)
            else:
                _check_same(folder, recipe)
            with atomic_file(folder / RECIPE) as file:
                file.write(json.dumps(recipe.parts(), indent=2).encode())
            yield work
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot be worked in: {error.strerror or error}.",
                "Free some space or repair the disk, and give the same command again: it continues.",
            ) from error
        finally:
            if not work.worth_keeping:
                _remove(folder, held, progress)


def tidy(folder: Path, progress: Progress) -> None:
    """Remove what a killed process has left of a work folder whose work is done, if there is anything."""
    sweep(folder)
    if is_ours(folder):
        with _held(folder) as held:
            _remove(folder, held, progress)


def _held(folder: Path) -> ExitStack:
    """Return `folder`, made or found, with its lock held until the stack is closed."""
    try:
        sweep(folder)
        while True:
            try:
                claim(folder)
                held = ExitStack()
                held.enter_context(locked(folder))
                return held
            except (FolderGoneError, FileNotFoundError):
                # The process that had the folder has removed it: it is made anew, where there is a place for it.
                if not folder.parent.is_dir():
                    raise
    except OSError as error:
        raise OutputError(
            f"Scratch files cannot be made in {folder}: {error.strerror}.",
            "Name a directory that exists and can be written to with --work-dir.",
        ) from error


def _remove(folder: Path, held: ExitStack, progress: Progress) -> None:
    """Remove the folder whose lock is `held`; say what stays."""
    try:
        if os.name == "nt":
            held.close()  # Windows removes no file that is open
        for path in remove(folder):
            progress.note(f"{path}: this file is not tiler's; it stays.")
    except OSError as error:
        progress.note(f"{folder}: cannot be removed: {error.strerror or error}. Remove it by hand.")


def work_folder(output: Path, work_dir: Path | None) -> Path:
    """Return where the work on `output` lies: beside it, or in `work_dir` under a name of its own.

    Raises OutputError if `work_dir` is no directory.
    """
    if work_dir is None:
        return output.with_name(f"{output.name}.tiler")
    if not work_dir.is_dir():
        raise OutputError(
            f"{work_dir}: there is no such directory for scratch files.",
            "Name a directory that exists and can be written to with --work-dir.",
        )
    # Outputs of one name in two directories may share a work dir.
    mark = hashlib.sha256(os.fsencode(output.absolute())).hexdigest()[:8]
    return work_dir / f"{output.name}-{mark}.tiler"


def _begin_again(canvas: Canvas, plan: Plan, coarsest: int) -> None:
    """Take away all that is on the canvas of the level `coarsest`, and of all finer ones, which were guided by it."""
    for level in plan.levels[: coarsest + 1]:
        canvas.erase(level.index, level.tiles)
        canvas.discard_staged(level.index)


def _check_same(folder: Path, recipe: Recipe) -> None:
    try:
        before = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
    except ValueError as error:
        raise OutputError(f"{folder / RECIPE}: cannot be read: {error}.", "Start over with --fresh.") from error
    if not isinstance(before, dict):
        raise OutputError(f"{folder / RECIPE}: this is no recipe.", "Start over with --fresh.")
    if differences := recipe.differences(before):
        changes = ", ".join(map(str, differences))
        raise SettingsError(
            f"{folder} holds an unfinished run that differs: {changes}.",
            "Give the same picture and settings to continue it, or --fresh to start over.",
        )
