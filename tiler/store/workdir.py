"""The work folder of one run: what it is for, who is at work in it, and what is left when it stops.

    OUTPUT.tiler/
        lock        held by the process at work; the system releases it when that process dies
        job.json    the recipe: all that shapes the alpha, each part by name
        pyramid/    the picture's levels; `complete` among them says that they are
        canvas/     the alpha of each level, block by block
        journal/    tiles whose blocks are not written yet, and tiles that failed
        hints/      a guide and a trimap of the user's, as arrays

A folder with a complete pyramid is worth keeping; what stopped earlier leaves nothing.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tiler.atomic import atomic_file, sync_to_disk
from tiler.core.blending import touching
from tiler.core.plan import Plan
from tiler.errors import OutputError, SettingsError
from tiler.image.hints import Hints, keep_hints, kept_hints
from tiler.image.pyramid import Pyramid, build, reopen
from tiler.image.source import Source
from tiler.memory import release_memory
from tiler.progress import Progress
from tiler.recipe import Recipe
from tiler.settings import HintOptions
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal
from tiler.store.lock import locked

HINTS = "hints"


class WorkDir:
    """An open work folder; `working` gives one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._finished = False

    @property
    def worth_keeping(self) -> bool:
        return not self._finished and self._marker.exists()

    def finish(self) -> None:
        """Let the folder be removed: its work is done."""
        self._finished = True

    def pyramid(
        self, source: Source, shapes: Sequence[tuple[int, int]], progress: Progress, *, wraps: bool = False
    ) -> Pyramid:
        """Return the pyramid, opened if it is complete, else built from the start; `wraps` is that of `build`."""
        root = self._folder / "pyramid"
        if self._marker.exists():
            return reopen(source, shapes, root)
        shutil.rmtree(root, ignore_errors=True)
        pyramid = build(source, shapes, root, progress, wraps=wraps)
        root.mkdir(exist_ok=True)  # a picture of one level that is read in any order stores none
        for path in root.rglob("*"):
            sync_to_disk(path)  # a power cut must not leave the marker and take the pixels
        self._marker.touch()
        release_memory()
        return pyramid

    def hints(self, options: HintOptions, plan: Plan) -> Hints:
        """Return what is known beforehand, read anew: the files are small beside the picture."""
        return keep_hints(
            self._folder / HINTS, options.guide, options.trimap, plan.levels[0].shape, plan.levels[-1].shape
        )

    def canvas(self, plan: Plan) -> tuple[Canvas, Journal]:
        """Return the canvas and its journal. Tiles that failed last time are to be tried again.

        So the blocks that the guide stood in for are taken away, and all finer levels, which were guided by them.
        """
        canvas, journal = Canvas(self._folder / "canvas", plan), Journal(self._folder / "journal")
        failed = {(tile.level, tile.row, tile.col) for tile in journal.failed()}
        if failed:
            coarsest = max(level for level, _, _ in failed)
            for level in plan.levels[:coarsest]:
                canvas.erase(level.index, level.tiles)
                canvas.discard_staged(level.index)
            level = plan.levels[coarsest]
            # A repaired level is no longer what its tiles gave; none of it can stay.
            repaired = canvas.committed(coarsest) is not None
            canvas.erase(
                coarsest,
                [
                    block
                    for block in level.tiles
                    if repaired or any((coarsest, *t) in failed for t in touching(level, *block))
                ],
            )
            canvas.discard_staged(coarsest)
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
def working(folder: Path, recipe: Recipe, *, fresh: bool = False) -> Iterator[WorkDir]:
    """Give the work folder, begun or continued; no other process can have it meanwhile.

    recipe: what is to be made. fresh: begin in any case. When the block ends badly the folder stays if its pyramid is
    complete; else it is removed.

    Raises OutputError if the folder cannot be had, SettingsError if the work in it has another recipe.
    """
    with locked(folder):
        work = WorkDir(folder)
        _check_own(folder)
        if fresh or not work.worth_keeping:
            for name in ("pyramid", "canvas", "journal", HINTS):
                shutil.rmtree(folder / name, ignore_errors=True)
        else:
            _check_same(folder, recipe)
        try:
            with atomic_file(folder / "job.json") as file:
                file.write(json.dumps(recipe.parts(), indent=2).encode())
            yield work
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot be worked in: {error.strerror or error}.",
                "Free some space or repair the disk, and give the same command again: it continues.",
            ) from error
        finally:
            if not work.worth_keeping:
                shutil.rmtree(folder, ignore_errors=True)


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


def _check_own(folder: Path) -> None:
    """Never write into, let alone remove, a directory that another program made."""
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".job.json")}
    if "job.json" not in names and names - {"lock"}:
        (folder / "lock").unlink()
        raise OutputError(f"{folder}: this directory is not tiler's.", "Move it away, or name another output.")


def _check_same(folder: Path, recipe: Recipe) -> None:
    try:
        before = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder}/job.json: cannot be read: {error}.", "Start over with --fresh.") from error
    if not isinstance(before, dict):
        raise OutputError(f"{folder}/job.json: this is no recipe.", "Start over with --fresh.")
    if differences := recipe.differences(before):
        changes = ", ".join(map(str, differences))
        raise SettingsError(
            f"{folder} holds an unfinished run that differs: {changes}.",
            "Give the same picture and settings to continue it, or --fresh to start over.",
        )
