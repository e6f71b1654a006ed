"""A folder of cutouts, each over the same kind of background; a failure stops nothing but itself."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from glob import escape as glob_escape
from pathlib import Path

from tiler.batch.guarded import Done, Log, guarded, make_folder
from tiler.batch.items import Item, Result
from tiler.batch.table import one_line
from tiler.errors import InputError
from tiler.progress import Progress

# A cutout, its output, the picture of which it was made, and progress.
Compose = Callable[[Path, Path, Path | None, Progress], None]


def compose_all(
    items: Sequence[Item],
    compose: Compose,
    progress_of: Callable[[str], Progress],
    *,
    into: Path,
    originals: Path | None = None,
    overwrite: bool = False,
) -> Iterator[Result]:
    """Compose the cutouts one after the other, and yield what became of each.

    progress_of: gives a cutout's progress, by its name. into: the folder of all outputs; the traceback of an error that
    nobody foresaw is added to `batch.log` in it. originals: the picture of the cutouts; or a folder with a picture for
    each, which has the cutout's name with another ending, or without its last one. An output that is there already is
    skipped, unless `overwrite` is set.
    """
    log = Log(into / "batch.log")
    for number, item in enumerate(items, 1):
        progress = progress_of(f"{number}/{len(items)} {one_line(item.source.name)}")
        yield guarded(item, partial(_composed, item, compose, progress, into, originals, overwrite), log)


def _composed(
    item: Item, compose: Compose, progress: Progress, into: Path, originals: Path | None, overwrite: bool
) -> Done:
    if os.path.lexists(item.output) and not overwrite:
        return "skipped", 0, "it is there already; --overwrite makes it again"
    original = originals
    if originals is not None and originals.is_dir():
        original = _original(originals / item.output.relative_to(into).parent, item.source)
    make_folder(item.output.parent)
    compose(item.source, item.output, original, progress)
    return "done", 0, ""


def _original(folder: Path, cutout: Path) -> Path:
    """Return the picture of a cutout; raises InputError if there is none, or more than one."""
    if (folder / cutout.stem).is_file():
        return folder / cutout.stem
    found = sorted(folder.glob(f"{glob_escape(cutout.stem)}.*"))
    if len(found) != 1:
        raise InputError(
            f"{folder}: there {'is no' if not found else 'is more than one'} picture for {cutout.name}.",
            f"Give it the cutout's name, as {cutout.stem}.tif, or as {cutout.stem}.",
        )
    return found[0]
