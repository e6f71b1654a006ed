"""What lies in the segments of a JPEG that libvips does not return: comments, extended XMP, blocks of makers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tiler.image.metadata.ifd import MOST_ENTRY_BYTES
from tiler.image.metadata.xmp import extension_named_in, joined

START, COMMENT, SCAN = b"\xff\xd8\xff", 0xFE, 0xDA
APP0, APP15 = 0xE0, 0xEF
# Markers without a length (ISO 10918-1, B.1.1.3).
BARE = {0x01, *range(0xD0, 0xD9)}
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
# How the segments begin that are read elsewhere, or speak of the old file alone.
KNOWN = (b"JFIF", b"JFXX", b"Exif\0", b"http://ns.adobe.com/", b"ICC_PROFILE\0", b"Photoshop 3.0\0", b"Adobe", b"Ducky")
MOST_TEXTS = 256


@dataclass(frozen=True, slots=True)
class JpegMetadata:
    """xmp: the packet, with its extension. texts: comments, as (keyword, text). notes: what is not read."""

    xmp: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def metadata_of_jpeg(path: Path) -> JpegMetadata:
    """Return what the segments of a JPEG hold up to its pixels; nothing if it is no JPEG."""
    xmp: bytes | None = None
    texts: list[tuple[str, str]] = []
    foreign: dict[str, None] = {}
    extensions: dict[bytes, dict[int, bytes]] = {}
    for marker, data in _segments(path):
        if marker == COMMENT and len(texts) < MOST_TEXTS:
            texts.append(("Comment", _text(data)))
        elif data.startswith(XMP):
            xmp = xmp or data.removeprefix(XMP)
        elif data.startswith(EXTENSION):
            # A name of 32 digits, which is the same in all segments, the size of the whole, and where this part lies.
            name, offset = data[len(EXTENSION) :][:36].upper(), data[len(EXTENSION) + 36 :][:4]
            extensions.setdefault(name, {})[int.from_bytes(offset, "big")] = data[len(EXTENSION) + 40 :]
        elif APP0 <= marker <= APP15 and not data.startswith(KNOWN):
            foreign[_name(marker, data)] = None
    xmp, notes = _with_extension(xmp, extensions)
    if foreign:
        notes.append(f"Its segments {', '.join(foreign)} are not read, and not in the output.")
    return JpegMetadata(xmp, tuple(texts), tuple(notes))


def _with_extension(xmp: bytes | None, extensions: dict[bytes, dict[int, bytes]]) -> tuple[bytes | None, list[str]]:
    """Return a packet joined with its extension, whose parts are found by name and size, and notes on that."""
    name = extension_named_in(xmp) if xmp else None
    if xmp is None or name is None:
        return xmp, []
    for key, parts in extensions.items():
        extension = _whole(parts, int.from_bytes(key[32:], "big")) if key[:32] == name else None
        whole = joined(xmp, extension) if extension else None
        if whole:
            return whole, []
    return xmp, ["Its extended XMP is incomplete or does not fit its XMP; it is left out."]


def _name(marker: int, data: bytes) -> str:
    """Return how a segment of an application is called."""
    maker = data[:16].split(b"\0")[0].decode("latin-1").strip()
    number = f"APP{marker - APP0}"
    return f"{number} ({maker})" if maker.isascii() and maker.isprintable() and maker else number


def _segments(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (marker, content) of each segment before the first scan; stray bytes between segments are skipped."""
    with path.open("rb") as file:
        if file.read(3) != START:
            return
        file.seek(2)
        while byte := file.read(1):
            if byte != b"\xff":
                continue
            while (byte := file.read(1)) == b"\xff":
                pass
            if not byte or byte[0] == SCAN:
                return
            if byte[0] in BARE or byte[0] == 0:
                continue
            size = int.from_bytes(file.read(2), "big")
            content = file.read(max(size - 2, 0))
            if len(content) == size - 2:
                yield byte[0], content


def _whole(parts: dict[int, bytes], size: int) -> bytes | None:
    """Return the parts, by offset, joined; None if they are not all there."""
    if not 0 < size <= MOST_ENTRY_BYTES:
        return None
    at, data = 0, []
    for offset in sorted(parts):
        if offset != at:
            return None
        data.append(parts[offset])
        at += len(parts[offset])
    return b"".join(data) if at == size else None


def _text(data: bytes) -> str:
    data = data.rstrip(b"\0")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
