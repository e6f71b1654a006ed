"""Which folder is ours: one with our marker in it. Nothing else is ever written to, emptied or removed.

A folder is removed in an order that a kill cannot harm. It is renamed first, so that its place is free at once, and
its marker goes last, so that what is left of it is still known to be ours, and is removed the next time.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

from tiler.errors import OutputError

MARKER = "tiler-work-folder"
MAGIC = "This folder is made and removed by tiler."
FORMAT = 1
# The names of all files that a run makes in its folder, and of their part files.
OURS = re.compile(
    r"lock|recipe\.json|complete|(guide|trimap)\.npy|.+\.(block|canvas|crop|failed|level|looks|staged|sums|tile|window)"
    r"|\..+\.part-[0-9a-f]{8}"
)


def claim(folder: Path) -> None:
    """Make `folder` with our marker in it, or find the marker there.

    Raises OutputError if it is somebody else's or another version's, or another OSError.
    """
    folder.mkdir(exist_ok=True)
    if is_ours(folder):
        return
    marker = folder / MARKER
    # An empty marker is one that a power cut has torn, in a folder that holds nothing else yet.
    if any(path != marker or path.stat().st_size for path in folder.iterdir()):
        raise OutputError(f"{folder}: this directory is not tiler's.", "Move it away, or name another output.")
    marker.write_text(_content(), encoding="utf-8")


def is_ours(folder: Path) -> bool:
    """Return whether `folder` has our marker. Raises OutputError if another version's is in it."""
    try:
        content = (folder / MARKER).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return False
    if content.startswith(MAGIC) and content != _content():
        raise OutputError(
            f"{folder}: another version of tiler has made this work folder.",
            "Continue with that version, or remove the folder and begin again.",
        )
    return content == _content()


def gone(folder: Path) -> Path:
    """Return where `folder` lies while it is removed."""
    return folder.with_name(f".{folder.name}-gone")


def remove(folder: Path) -> tuple[Path, ...]:
    """Remove `folder`, which is ours and whose lock this process holds; return the files in it that are not ours.

    If there are such files, they stay where they are, and so does the folder with our marker.
    """
    if foreign := _foreign(folder):
        _remove_ours(folder)
        return foreign
    hidden = gone(folder)
    sweep(folder)
    try:
        folder.rename(hidden)
    except OSError:
        hidden = folder  # Windows renames no folder with an open file in it
    _remove_ours(hidden)
    return ()


def sweep(folder: Path) -> None:
    """Remove what a killed process has left while it removed `folder`, and nothing that is not ours."""
    hidden = gone(folder)
    if is_ours(hidden):
        _remove_ours(hidden)


def empty(folder: Path) -> None:
    """Remove all that is ours in `folder` but the marker and the lock."""
    for path in _deepest_first(folder):
        if path.name not in (MARKER, "lock"):
            _remove_one(path)


def _remove_ours(folder: Path) -> None:
    """Remove all that is ours in `folder`; if nothing else is in it, its marker and the folder, too."""
    for path in _deepest_first(folder):
        if path.name != MARKER:
            _remove_one(path)
    if [path.name for path in folder.iterdir()] == [MARKER]:
        (folder / MARKER).unlink()
        folder.rmdir()


def _remove_one(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        with suppress(OSError):  # something else is in it
            path.rmdir()
    elif OURS.fullmatch(path.name):
        path.unlink(missing_ok=True)


def _foreign(folder: Path) -> tuple[Path, ...]:
    """Return the files, and the links, in `folder` that are not ours."""
    files = (path for path in _deepest_first(folder) if path.is_symlink() or not path.is_dir())
    return tuple(path for path in files if path.name != MARKER and not OURS.fullmatch(path.name))


def _deepest_first(folder: Path) -> list[Path]:
    found = []
    for at, folders, files in os.walk(folder, topdown=False):
        found += [Path(at) / name for name in (*files, *folders)]
    return found


def _content() -> str:
    return f"{MAGIC} Format {FORMAT}.\n"
