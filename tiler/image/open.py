"""Which reader a file needs, decided by its first bytes and never by its name."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from tiler.errors import InputError
from tiler.image.source import Source

# Well beyond any scan or panorama known to us; a header that says more is a mistake or an attack.
MOST_PIXELS = 20_000_000_000


class _Reader(Protocol):
    """A module that reads a format."""

    def open_file(self, path: Path) -> Source: ...


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: how it begins (`magics`), and the module whose `open_file(path)` reads it."""

    name: str
    magics: tuple[bytes, ...]
    reader: str

    def open_file(self, path: Path) -> Source:
        return cast(_Reader, import_module(self.reader)).open_file(path)


FORMATS = (
    Format("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "tiler.image.tiff"),
    Format("PNG", (b"\x89PNG\r\n\x1a\n",), "tiler.image.vips"),
    Format("JPEG", (b"\xff\xd8\xff",), "tiler.image.vips"),
)


def open_source(path: str | Path) -> Source:
    """Open the picture `path`, whatever its name says; close it when done.

    Raises InputError, naming the file, if it is missing, no file, empty, damaged or of no kind that is known, or if
    it claims more than `MOST_PIXELS` pixels.
    """
    path = Path(path)
    source = _format_of(path).open_file(path)
    height, width = source.shape
    if height * width > MOST_PIXELS:
        source.close()
        raise InputError(
            f"{path}: says it is {width} x {height} px, more than the {MOST_PIXELS:,} pixels that are read.",
            "If it truly is that large, cut it into parts.",
        )
    return source


def _format_of(path: Path) -> Format:
    start = _first_bytes(path)
    if not start:
        raise InputError(f"{path}: the file is empty.", "Copy it again from where it came from.")
    for known in FORMATS:
        if start.startswith(known.magics):
            return known
    names = [known.name for known in FORMATS]
    raise InputError(
        f"{path}: this is no picture of a kind that is read here, whatever its name says.",
        f"Give a {', '.join(names[:-1])} or {names[-1]} file.",
    )


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file.", "Check the name and the directory.") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: this is a directory.", "Name one picture in it.") from error
    except PermissionError as error:
        # Some systems answer so when asked to open a directory.
        if path.is_dir():
            raise InputError(f"{path}: this is a directory.", "Name one picture in it.") from error
        raise InputError(f"{path}: you may not read this file.", "Ask its owner, or change its mode.") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.", "Check the name and the disk.") from error
