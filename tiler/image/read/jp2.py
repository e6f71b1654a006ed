"""JPEG 2000 in: in boxes, or a bare codestream."""

import struct
from pathlib import Path

import imagecodecs

from tiler.errors import InputError
from tiler.image.depth import full_range
from tiler.image.metadata.parse import dpi_in, upright_exif
from tiler.image.read.in_memory import Alpha, check_size, decoded, further, in_memory
from tiler.image.read.iso_boxes import boxes, first_of_each
from tiler.image.read.jpeg_check import check_jpeg_2000
from tiler.image.source import SAMPLES, Colour, Metadata, Source

# How a codestream begins: its start and the marker of its size (ISO 15444-1, A.4.1 and A.5.1).
SIZ = b"\xff\x4f\xff\x51"
# The number of a colour space, and of the kinds of a channel.
CMYK = b"\0\0\0\x0c"
OPACITIES: dict[int, Alpha] = {1: "straight", 2: "associated"}
METRES_PER_INCH = 0.0254
# The UUID boxes in which ExifTool and Exiv2 keep these blocks; that of XMP is in the XMP specification, part 3, 1.1.4.
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
EXIF = b"JpgTiffExif->JP2"
IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
# The box of "GeoTIFF Box Specification for JPEG 2000 Metadata".
GEO = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")


def open_file(path: Path, max_pixels: int) -> Source:
    """Open the JPEG 2000 file `path`; raise InputError if it is damaged, or of a kind that is not read."""
    return decoded(path, "JPEG 2000 file", lambda: _read(path, max_pixels))


def _read(path: Path, max_pixels: int) -> Source:
    data = path.read_bytes()
    is_bare = data.startswith(SIZ)
    found = {} if is_bare else first_of_each(data)
    stream = data if is_bare else found.get(b"jp2c", b"")
    if not stream.startswith(SIZ) or len(stream) < 43:
        raise ValueError("it has no size")
    right, bottom, left, top = struct.unpack_from(">IIII", stream, 8)
    bits = (stream[42] & 0x7F) + 1
    if stream[42] & 0x80 or bits > 16:
        raise InputError(f"{path}: its samples are signed or of {bits} bits.", "Save it with 8 or 16 bits.")
    shape = (bottom - top, right - left)
    check_size(path, shape, max_pixels, 4 * 8, "a JPEG 2000 picture")
    check_jpeg_2000(stream)
    pixels = full_range(imagecodecs.jpeg2k_decode(data), bits)
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    uuids = {} if is_bare else {content[:16]: content[16:] for kind, content in boxes(data) if kind == b"uuid"}
    exif, xmp, iptc = (uuids.get(uuid) or None for uuid in (EXIF, XMP, IPTC))
    head = found.get(b"jp2h", b"")
    alpha, colour = _alpha(head), _colour(head, samples)
    notes = further(samples, colour, alpha)
    if GEO in uuids:
        notes += ("Its place on the Earth (GeoJP2) is not read, and not in the output.",)
    metadata = Metadata(_icc(head), _dpi(head) or dpi_in(exif), upright_exif(exif), xmp, iptc, notes)
    return in_memory(pixels, shape, metadata, colour=colour, alpha=alpha)


def _alpha(head: bytes) -> Alpha:
    """Return what the definitions of the channels say of an opacity of the whole picture (ISO 15444-1, I.5.3.6)."""
    listed = first_of_each(head).get(b"cdef", b"")
    for _, kind, of in struct.iter_unpack(">HHH", listed[2 : 2 + (len(listed) - 2) // 6 * 6]):
        if kind in OPACITIES and of == 0:
            return OPACITIES[kind]
    return None


def _colour(head: bytes, samples: int) -> Colour:
    """Return what the samples mean, from the number of the colour space (ISO 15444-1, I.5.3.3; 15444-2, M.11.7.3)."""
    spaces = [content[3:7] for kind, content in boxes(head) if kind == b"colr" and content[:1] == b"\1"]
    if CMYK in spaces and samples >= SAMPLES["cmyk"]:
        return "cmyk"
    return "rgb" if samples >= SAMPLES["rgb"] else "grey"


def _icc(head: bytes) -> bytes | None:
    """Return the first colour specification that is an ICC profile (ISO 15444-1, I.5.3.3; 15444-2, M.11.7.3)."""
    return next(
        (content[3:] for kind, content in boxes(head) if kind == b"colr" and content[:1] in (b"\2", b"\3")), None
    )


def _dpi(head: bytes) -> tuple[float, float] | None:
    """Return the (horizontal, vertical) resolution of the capture, else of the display (ISO 15444-1, I.5.3.7)."""
    found = first_of_each(first_of_each(head).get(b"res ", b""))
    rates = found.get(b"resc") or found.get(b"resd", b"")
    if len(rates) < 10:
        return None
    y, y_unit, x, x_unit, y_power, x_power = struct.unpack_from(">HHHHbb", rates)
    if not all((y, y_unit, x, x_unit)):
        return None
    return x / x_unit * 10.0**x_power * METRES_PER_INCH, y / y_unit * 10.0**y_power * METRES_PER_INCH
