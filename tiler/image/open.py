"""Opening a picture: the reader is chosen by the first bytes of the file and never by its name."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from tiler.errors import InputError
from tiler.image.file_state import state_of
from tiler.image.limits import check_pixels
from tiler.image.read import isolated
from tiler.image.source import Source
from tiler.settings import MOST_PIXELS

# Brands of ISO base media files that hold a picture (ISO 23008-12, 10; AV1 Image File Format, 8).
BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis")


class NoPictureError(InputError):
    """A file is empty, or begins like no picture of a kind that is read."""


class _Reader(Protocol):
    """A module that reads one format."""

    def open_file(self, path: Path, max_pixels: int, scratch: Path | None) -> Source: ...


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: the bytes that begin it, and the module that reads it.

    magics: one of these lies at byte `at`. reader: the module whose `open_file` reads the format. is_whole: it decodes
    the whole file, in a process of its own; it compares the size in the header with `max_pixels` before it decodes.
    Every other reader decodes no pixels until they are asked for.
    """

    name: str
    magics: tuple[bytes, ...]
    reader: str
    at: int = 0
    is_whole: bool = True

    def open_file(self, path: Path, max_pixels: int, scratch: Path | None) -> Source:
        if self.is_whole:
            return isolated.open_file(self.reader, path, max_pixels, scratch)
        return cast(_Reader, import_module(self.reader)).open_file(path, max_pixels, scratch)


FORMATS = (
    # Before TIFF, whose first bytes some of them share.
    Format("camera raw", (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"IIU\0", b"MMOR"), "tiler.image.read.raw"),
    Format("camera raw", (b"ftypcrx ",), "tiler.image.read.raw", at=4),
    Format("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "tiler.image.read.tiff", is_whole=False),
    Format("PNG", (b"\x89PNG\r\n\x1a\n",), "tiler.image.read.vips", is_whole=False),
    Format("JPEG", (b"\xff\xd8\xff",), "tiler.image.read.vips", is_whole=False),
    Format("WebP", (b"WEBP",), "tiler.image.read.webp", at=8),
    Format("PSD", (b"8BPS\0\1", b"8BPS\0\2"), "tiler.image.read.psd"),
    Format("OpenEXR", (b"v/1\x01",), "tiler.image.read.exr"),
    Format("JPEG 2000", (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), "tiler.image.read.jp2"),
    Format("JPEG XL", (b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a"), "tiler.image.read.jxl"),
    Format("HEIC or AVIF", tuple(b"ftyp" + b for b in BRANDS), "tiler.image.read.heif", at=4),
)


def open_source(path: str | Path, *, max_pixels: int = MOST_PIXELS, scratch: Path | None = None) -> Source:
    """Open the picture `path`, whatever its name says; close it when done.

    scratch: the directory for the pixels of files that are decoded whole; None takes that of the system.

    Raises InputError, naming the file, if it is missing, a directory, empty, damaged, of an unknown format, or if its
    header states more than `max_pixels` pixels.
    """
    path = Path(path)
    source = format_of(path).open_file(path, max_pixels, scratch)
    try:
        check_pixels(path, source.shape, max_pixels)
    except InputError:
        source.close()
        raise
    return source


def format_of(path: Path) -> Format:
    """Return the format that the first bytes of `path` show; raise InputError if they show none."""
    start = _first_bytes(path)
    if not start:
        raise NoPictureError(f"{path}: the file is empty.", "Copy it again from where it came from.")
    for known in FORMATS:
        if start[known.at :].startswith(known.magics):
            return known
    names = list(dict.fromkeys(known.name for known in FORMATS))
    raise NoPictureError(
        f"{path}: this is no picture of a kind that is read here, whatever its name says.",
        f"Give a {', '.join(names[:-1])} or {names[-1]} file.",
    )


def _first_bytes(path: Path) -> bytes:
    state_of(path)  # before it is opened: opening a pipe would wait for a writer
    try:
        with path.open("rb") as file:
            return file.read(16)
    except PermissionError as error:
        raise InputError(f"{path}: you may not read this file.", "Ask its owner, or change its mode.") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.", "Check the name and the disk.") from error
