"""What lies in the chunks of a PNG that libvips does not return: XMP, IPTC, texts, colour (W3C PNG, third edition)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tiler.image.metadata.ifd import MOST_ENTRY_BYTES
from tiler.image.metadata.parse import iptc_in

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
# The chunks that say which colours the samples mean, apart from an ICC profile, in the order in which they are written.
COLOUR_CHUNKS = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"mDCV": 24, b"cLLI": 8}
XMP, RAW_PROFILE = "XML:com.adobe.xmp", "Raw profile type "
IPTC_PROFILE = RAW_PROFILE + "iptc"
MOST_TEXTS = 256


@dataclass(frozen=True, slots=True)
class PngMetadata:
    """xmp: the packet. iptc: IIM records. texts: (keyword, text). colour: (kind, content) of `COLOUR_CHUNKS`."""

    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    colour: tuple[tuple[bytes, bytes], ...] = ()
    notes: tuple[str, ...] = ()


def metadata_of_png(path: Path) -> PngMetadata:
    """Return what the chunks of a PNG hold; nothing if it is no PNG. Damaged chunks are left out."""
    texts: list[tuple[str, str]] = []
    colour: dict[bytes, bytes] = {}
    xmp, iptc, notes = None, None, []
    for kind, data in _chunks(path):
        if kind in COLOUR_CHUNKS:
            if len(data) == COLOUR_CHUNKS[kind]:
                colour.setdefault(kind, data)
            continue
        keyword, text = _text_in(kind, data)
        if text is None:
            continue
        if keyword == XMP:
            xmp = xmp or text or None
        elif keyword == IPTC_PROFILE:
            # IPTC has no chunk; ImageMagick and others write it in hexadecimal.
            iptc = iptc or _iptc(text)
        elif keyword.startswith(RAW_PROFILE):
            notes.append(f'Its text "{keyword}" is not read, and not in the output.')
        elif len(texts) < MOST_TEXTS:
            texts.append((keyword, text.decode("utf-8" if kind == b"iTXt" else "latin-1", "replace")))
    order = [(kind, colour[kind]) for kind in COLOUR_CHUNKS if kind in colour]
    return PngMetadata(xmp, iptc, tuple(texts), tuple(order), tuple(notes))


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, content) of the chunks of text and colour."""
    with path.open("rb") as file:
        if file.read(8) != SIGNATURE:
            return
        while len(head := file.read(8)) == 8:
            size, kind = int.from_bytes(head[:4], "big"), head[4:]
            if (kind not in TEXT_CHUNKS and kind not in COLOUR_CHUNKS) or size > MOST_ENTRY_BYTES:
                file.seek(size + 4, 1)
                continue
            yield kind, file.read(size)
            file.seek(4, 1)


def _text_in(kind: bytes, data: bytes) -> tuple[str, bytes | None]:
    """Return (keyword, text) of a chunk of text; the text is None if it is damaged."""
    keyword, _, rest = data.partition(b"\0")
    text: bytes | None = rest
    if kind == b"zTXt":
        text = _inflated(rest[1:])
    elif kind == b"iTXt":
        # A flag, a method, a language and a translated keyword precede the text.
        text = rest[2:].split(b"\0", 2)[-1]
        text = _inflated(text) if rest[:1] == b"\1" else text
    return keyword.decode("latin-1"), text if 0 < len(keyword) < 80 else None


def _iptc(text: bytes) -> bytes | None:
    try:
        data = bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))
    except ValueError:
        return None
    return (iptc_in(data) if data[:4] == b"8BIM" else data) or None


def _inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, MOST_ENTRY_BYTES)
    except zlib.error:
        return None
