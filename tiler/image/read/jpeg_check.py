"""Whether the coded data of a JPEG or JPEG 2000 is sound, as far as that can be known.

Neither format has checksums, and decoders make up what is missing. Four things are checked: the lengths add up, the
end is there, no marker lies where none may (ITU-T T.81, B.1.1; T.800, A.4), and libjpeg has neither too few bits nor
too many. Many flipped bits in coded data cannot be found: the data, like every packet of JPEG 2000, then decode to
another picture without an error.
"""

import re
from collections.abc import Iterator

import pyvips
import simplejpeg

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
# Markers of tables and of an extension, whose numbers lie among those of frames.
NO_FRAMES = (0xC4, 0xC8, 0xCC)
# Markers that no encoder writes after the first scan has begun: reserved ones, another start, application data.
STRAY = re.compile(rb"\xff[\x01-\xbf\xc0-\xc3\xc5-\xcf\xd8\xe0-\xfd]")
SOS, BASELINE, EXTENDED, PROGRESSIVE = 0xDA, 0xC0, 0xC1, 0xC2
WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))
# The markers that begin a codestream and one of its tile-parts (T.800, A.2).
SOC, SOT = b"\xff\x4f", b"\xff\x90"
# Sampling factors of brightness and of both colours, across and down in four bits each, that libjpeg-turbo's own
# interface reads. Those of a single component do not matter.
COMMON_SAMPLING = tuple(bytes((first, 0x11, 0x11)) for first in (0x11, 0x21, 0x12, 0x22, 0x41, 0x14))


def check_jpeg(data: bytes, tables: bytes | None = None) -> None:
    """Raise ValueError if the JPEG stream `data` is damaged.

    tables: the JPEGTables of a TIFF, which all its streams share.
    """
    data = data.rstrip(b"\0")
    if not data.startswith(SOI) or not data.endswith(EOI):
        raise ValueError("the pixels are cut short")
    if tables and len(tables) > 4:
        data = SOI + tables.removeprefix(SOI).removesuffix(EOI) + data[2:]
    frame, scan = None, 0
    for marker, at, size in _marker_segments(data):
        if marker == SOS:
            scan = at + 2 + size
        elif 0xC0 <= marker <= 0xCF and marker not in NO_FRAMES:
            frame = at
    if frame is None:
        raise ValueError("the pixels have no header")
    kind, bits = data[frame + 1], data[frame + 4]
    if kind in (BASELINE, EXTENDED) and STRAY.search(data, scan):
        raise ValueError("the pixels are damaged")
    # Damage in lossless and arithmetic codings, and in 12 bits, is left to their decoders.
    if kind in (BASELINE, EXTENDED, PROGRESSIVE) and bits == 8:
        warns = turbo_warns if _is_commonly_sampled(data, frame) else vips_warns
        if warns(_without_padding(data)):
            raise ValueError("the pixels are damaged")


def check_jpeg_2000(stream: bytes) -> None:
    """Raise ValueError if the tile-parts of the codestream `stream` do not add up to the whole of it."""
    if not stream.startswith(SOC):
        raise ValueError("it has no codestream")
    at = 2
    while stream[at : at + 2] not in (SOT, EOI):
        if at + 4 > len(stream) or stream[at] != 0xFF:
            raise ValueError("its header is damaged")
        at += 2 + max(2, int.from_bytes(stream[at + 2 : at + 4], "big"))
    parts = 0
    while stream[at : at + 2] == SOT and at + 12 <= len(stream):
        size = int.from_bytes(stream[at + 6 : at + 10], "big")
        parts += 1
        if size == 0:  # the last part reaches up to the end
            at = len(stream.rstrip(b"\0")) - 2
        elif size < 14:
            break
        else:
            at += size
    if not parts or stream[at : at + 2] != EOI:
        raise ValueError("its parts do not add up, or its end is missing")


def _marker_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, its byte, length) of each segment up to the first scan; raise ValueError where they break off."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ValueError("its markers are damaged")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in WITHOUT_LENGTH:
            at += 2
        else:
            size = int.from_bytes(data[at + 2 : at + 4], "big")
            if size < 2 or at + 2 + size > len(data):
                raise ValueError("its lengths are damaged")
            yield marker, at, size
            if marker == SOS:
                return
            at += 2 + size
    raise ValueError("it has no pixels")


def _is_commonly_sampled(data: bytes, frame: int) -> bool:
    """Return whether `turbo_warns` can decode `data`, whose frame header begins at `frame` (T.81, B.2.2)."""
    components, factors = data[frame + 9 : frame + 10], data[frame + 11 : frame + 18 : 3]
    return components == b"\1" or (components == b"\3" and factors in COMMON_SAMPLING)


def _without_padding(data: bytes) -> bytes:
    """Return `data` without zeros before its end, which some encoders write; after 255 a zero is part of the pixels."""
    coded = data.removesuffix(EOI).rstrip(b"\0")
    return coded + (b"\0" if coded.endswith(b"\xff") else b"") + EOI


def turbo_warns(data: bytes) -> bool:
    """Return whether libjpeg-turbo warns of anything while it decodes all of `data`, of one component or three."""
    try:
        # The coefficients of the colours are read too, and no pixels are made of them.
        simplejpeg.decode_jpeg(data, colorspace="GRAY", strict=True)
    except ValueError:
        return True
    return False


def vips_warns(data: bytes) -> bool:
    """Return whether libvips warns: of any sampling, a tenth as fast, and of half as much."""
    try:
        # Sequential, so that libvips does not keep the decoded pixels in its cache.
        pyvips.Image.jpegload_buffer(data, fail_on="warning", access="sequential").write_to_memory()
    except pyvips.Error:
        return True
    return False
