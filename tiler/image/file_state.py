"""The state of a file: which file a name leads to, and whether it is still as it was."""

import stat
from dataclasses import dataclass
from pathlib import Path

from tiler.errors import InputError

# What a name may lead to that is no file of bytes. Opening a pipe waits for a writer, perhaps for ever.
KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class FileState:
    """Which file it is, by device and inode; its size in bytes; and when it was last changed, in ns since 1970."""

    device: int
    inode: int
    size: int
    changed_ns: int


def state_of(path: Path) -> FileState:
    """Return the state of the file `path`, without opening it.

    Raises InputError, naming the file, if it is missing, a directory, or no regular file.
    """
    try:
        found = path.stat()
    except FileNotFoundError as error:
        if path.is_symlink():
            raise InputError(f"{path}: this link leads nowhere.", "Bring back the file it is for.") from error
        raise InputError(f"{path}: there is no such file.", "Check the name and the directory.") from error
    except PermissionError as error:
        raise InputError(
            f"{path}: you may not look into its directory.", "Ask its owner, or change its mode."
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.", "Check the name and the disk.") from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path}: this is a directory.", "Name one picture in it.")
    for is_kind, name in KINDS:
        if is_kind(found.st_mode):
            raise InputError(f"{path}: this is {name}, which is not read.", "Save the picture as a file.")
    return FileState(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def check_unchanged(path: Path, before: FileState) -> None:
    """Raise InputError if the file `path` is another one than it was `before`, or was changed, or is gone."""
    try:
        same = state_of(path) == before
    except InputError:
        same = False
    if not same:
        raise InputError(
            f"{path}: it was changed while it was matted, so there is no matte of it.",
            "Give the same command again once the picture keeps still.",
        )
