"""The pictures of a batch: those of a folder, or those that a list names. Every path that is found is accounted for."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from tiler.batch.items import Item
from tiler.batch.names import Naming
from tiler.errors import InputError
from tiler.image.open import NoPictureError, format_of

# Endings that promise a picture: a file that has one and is no picture is a failure. Kinds that are not read are among
# them, so that nobody takes such a picture for done.
PICTURE_SUFFIXES = (
    *(".tif", ".tiff", ".svs", ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".psd", ".psb", ".exr"),
    *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jxl", ".jxr", ".heic", ".heics", ".heif", ".hif", ".avif"),
    *(".avifs", ".gif", ".bmp", ".tga", ".hdr", ".dpx", ".pnm", ".pbm", ".pgm", ".ppm", ".bpg"),
    # camera raw
    *(".3fr", ".arw", ".cr2", ".cr3", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".k25", ".kdc", ".mef", ".mos", ".mrw"),
    *(".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
)
LINKED = "a linked folder is not followed; name it to matte what is in it"


def find_items(where: Path, into: Path, naming: Naming, *, null: bool = False) -> tuple[Item, ...]:
    """Return the paths in the folder `where`, at any depth, or those that the text file `where` lists.

    A picture is what begins like one, whatever its name. What is hidden, or lies in `into`, is left alone; every other
    path is an item. A list has one path a line in UTF-8, relative to its own folder; empty lines and those that begin
    with # are passed over. With `null`, paths end in a NUL byte instead, and none is passed over. Outputs keep the
    structure of the folder; what a list names elsewhere keeps its whole path.

    No output is a picture of this batch, and no two pictures have one output: those for which it would be so are
    failures, whatever their order.

    Raises InputError if `where` cannot be read.
    """
    try:
        if where.is_dir():
            found = [
                replace(item, output=into / naming.output_of(item.source.relative_to(where)))
                for item in _in_folder(where, into)
            ]
        else:
            found = [
                Item(path, into / naming.output_of(_place(path, _root_of(where)))) for path in _in_list(where, null)
            ]
    except OSError as error:
        raise InputError(
            f"{where}: cannot be read as a folder or a list of pictures: {error.strerror}.",
            "Name a folder, or a text file with one path a line.",
        ) from error
    return tuple(_without_sources(_without_shared(found)))


def _in_folder(folder: Path, into: Path) -> Iterator[Item]:
    """Yield what is in the folder, sorted; the outputs are still missing."""
    unreadable: list[OSError] = []
    own = into.resolve()
    for at, folders, names in os.walk(folder, onerror=unreadable.append):
        here = Path(at)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not name.endswith((".tiler", ".zarr")) and (here / name).resolve() != own
        )
        yield from (Item(here / name, into, "passed over", LINKED) for name in folders if (here / name).is_symlink())
        yield from (_looked_at(here / name, into) for name in sorted(names) if not name.startswith("."))
    for error in unreadable:
        if Path(error.filename) == folder:
            raise error
        yield Item(Path(error.filename), into, "failed", f"this folder cannot be read: {error.strerror}")


def _looked_at(path: Path, into: Path) -> Item:
    """Return the item of a file; what cannot be read is one to be matted, and says why it cannot when it is tried."""
    try:
        format_of(path)
    except NoPictureError:
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            return Item(path, into, "passed over", "this is no picture")
    except InputError:
        pass
    return Item(path, into)


def _in_list(path: Path, null: bool) -> list[Path]:
    """Return the paths that a list names, each once."""
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if not null and b"\0" in data:
        raise InputError(
            f"{path}: this is no list of pictures with one path a line.",
            "Save it as text in UTF-8; if its paths end in NUL bytes, as those of find -print0 do, give --null.",
        )
    lines = data.split(b"\0" if null else b"\n")
    if not null:
        lines = [line.removesuffix(b"\r") for line in lines]
        lines = [line for line in lines if line.strip() and not line.startswith(b"#")]
    # Names need not be text: bytes that are not UTF-8 come back as they are when the file is opened.
    named: dict[Path, Path] = {}
    for line in filter(None, lines):
        one = _root_of(path) / os.fsdecode(line)
        named.setdefault(_absolute(one), one)
    return list(named.values())


def _root_of(where: Path) -> Path:
    """Return the folder that the paths of a list are relative to: its own, or this one if the list is piped."""
    return Path() if where.is_absolute() and where.parts[1] in ("dev", "proc") else where.parent


def _place(path: Path, root: Path) -> Path:
    """Return where below the output folder a picture belongs: as below `root`, or by its whole path."""
    absolute, base = _absolute(path), _absolute(root)
    return absolute.relative_to(base if absolute.is_relative_to(base) else absolute.anchor)


def _without_shared(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items; those that would share an output fail, and each names the others."""
    sharing: dict[Path, list[Item]] = defaultdict(list)
    items = list(items)
    for item in items:
        if item.foregone is None:
            sharing[item.output].append(item)
    for item in items:
        others = [str(other.source) for other in sharing[item.output] if other is not item]
        if item.foregone is None and others:
            reason = (
                f"{item.output} would be the output of {', '.join(others)} as well; leave out --name, or use {{name}}"
            )
            item = replace(item, foregone="failed", reason=reason)
        yield item


def _without_sources(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items; one whose output is a picture of the batch, by whatever path or link, fails."""
    items = list(items)
    pictures = [item.source for item in items if item.foregone != "passed over"]
    paths = {_absolute(path) for path in pictures}
    files = {identity for path in pictures if (identity := _identity(path)) is not None}
    for item in items:
        if item.foregone is None and (_absolute(item.output) in paths or _identity(item.output) in files):
            reason = f"{item.output}: this is itself a picture to be matted; name another folder with -o"
            item = replace(item, foregone="failed", reason=reason)
        yield item


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
