"""PSD and PSB in: the flattened picture that Photoshop stores with "maximise compatibility".

The layout is that of the Adobe Photoshop File Formats Specification.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from tiler.errors import InputError
from tiler.image.metadata.parse import image_resources, orientation_in, upright_exif
from tiler.image.read.in_memory import Alpha, check_size, decoded, further, in_memory
from tiler.image.source import SAMPLES, Colour, Metadata, Source

COLOURS: dict[int, Colour] = {1: "grey", 3: "rgb", 4: "cmyk"}
# The numbers of image resources.
RESOLUTION, IPTC, ICC, EXIF, XMP = 1005, 1028, 1039, 1058, 1060
UNCOMPRESSED, PACKBITS = 0, 1
# Layers are searched up to so many bytes for a block that says that the first further channel is the transparency.
MOST_LAYER_BYTES = 2**28
MERGED_TRANSPARENCY = (b"8BIMMt16", b"8BIMMt32", b"8BIMMtrn")


@dataclass(frozen=True, slots=True)
class _Header:
    """version: 1 is PSD, 2 is PSB. channels: planes in the file."""

    version: int
    channels: int
    height: int
    width: int
    bits: int
    colour: Colour

    @property
    def samples(self) -> int:
        return SAMPLES[self.colour]

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(f">{'f' if self.bits == 32 else 'u'}{self.bits // 8}")


def open_file(path: Path, max_pixels: int) -> Source:
    """Open the PSD or PSB `path`; raise InputError if it is damaged, or of a kind that is not read."""
    return decoded(path, "PSD", lambda: _read(path, max_pixels))


def _read(path: Path, max_pixels: int) -> Source:
    with path.open("rb") as file:
        header = _header(path, file)
        shape = (header.height, header.width)
        check_size(path, shape, max_pixels, 3 * (header.samples + 1) * header.dtype.itemsize, "a PSD")
        # Colour data and layers are skipped: each section begins with its length.
        file.seek(_number(file, ">I"), 1)
        resources = dict(image_resources(file.read(_number(file, ">I"))))
        has_alpha = _merged_transparency(file, header)
        planes = _planes(path, file, header, header.samples + has_alpha)
    pixels = np.moveaxis(planes, 0, 2).astype(header.dtype.newbyteorder("="))
    colours = pixels[..., : header.samples]
    if has_alpha:
        _take_white_away(pixels)
    # Photoshop stores no ink as the highest value.
    if header.colour == "cmyk" and header.bits < 32:
        np.invert(colours, out=colours)
    alpha: Alpha = "straight" if has_alpha else None
    metadata = _metadata(resources, further(header.channels, header.colour, alpha))
    return in_memory(pixels, shape, metadata, orientation_in(resources.get(EXIF)), header.colour, alpha=alpha)


def _merged_transparency(file: BinaryIO, header: _Header) -> bool:
    """Return whether the channel after the colours is the transparency of the flattened picture; pass the layers over.

    A negative count of layers says so.
    """
    size = _number(file, ">I" if header.version == 1 else ">Q")
    end = file.tell() + size
    layers = b""
    if header.channels > header.samples and size:
        layers = file.read(min(size, MOST_LAYER_BYTES))
    file.seek(end)
    if not layers:
        return False
    at = 4 * header.version
    count = struct.unpack_from(">h", layers, at)[0] if len(layers) >= at + 2 and any(layers[:at]) else 0
    return count < 0 or any(key in layers for key in MERGED_TRANSPARENCY)


def _take_white_away(pixels: NDArray[Any]) -> None:
    """Undo, in place, that Photoshop shows the colours of a flattened picture, before any inversion, on white."""
    top = np.float32(1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max)
    for row in pixels:
        alpha = row[:, -1:] / top
        share = np.where(alpha > 0, alpha, 1)
        colours = (row[:, :-1] / top + alpha - 1) / share
        # What is wholly transparent stays as it lies there.
        colours = np.where(alpha > 0, np.clip(colours, 0, 1), row[:, :-1] / top) * top
        row[:, :-1] = colours if pixels.dtype.kind == "f" else np.rint(colours)


def _header(path: Path, file: BinaryIO) -> _Header:
    version, channels, height, width, bits, mode = struct.unpack(">4xH6xHIIHH", file.read(26))
    if mode not in COLOURS or bits not in (8, 16, 32) or version not in (1, 2):
        raise InputError(
            f"{path}: this PSD has a colour mode (number {mode}) or depth ({bits} bit) that is not read.",
            "Save it as RGB, grey or CMYK with 8 or 16 bits.",
        )
    header = _Header(version, channels, height, width, bits, COLOURS[mode])
    if channels < header.samples:
        raise ValueError("channels are missing")
    return header


def _planes(path: Path, file: BinaryIO, header: _Header, planes: int) -> NDArray[Any]:
    """Return the (planes, h, w) pixels, which begin here."""
    compression = _number(file, ">H")
    row_bytes, rows = header.width * header.dtype.itemsize, planes * header.height
    if compression == UNCOMPRESSED:
        data = file.read(rows * row_bytes)
    elif compression == PACKBITS:
        data = _unpacked_rows(file, header, rows, row_bytes)
    else:
        raise InputError(f"{path}: this PSD is compressed in a way that is not read.", "Save it as a TIFF.")
    if len(data) != rows * row_bytes:
        raise ValueError("pixels are missing")
    return np.frombuffer(data, header.dtype).reshape(planes, header.height, header.width)


def _unpacked_rows(file: BinaryIO, header: _Header, rows: int, row_bytes: int) -> bytes:
    """Return the first rows, decompressed; a table with the sizes of the rows of all channels precedes them."""
    size_bytes = 2 * header.version
    sizes = np.frombuffer(file.read(header.channels * header.height * size_bytes), f">u{size_bytes}")
    if sizes.size < header.channels * header.height:
        raise ValueError("its table of rows is cut short")
    unpacked = []
    for size in sizes[:rows].tolist():
        row = imagecodecs.packbits_decode(file.read(size))
        if len(row) != row_bytes:
            raise ValueError("a row has another length")
        unpacked.append(row)
    return b"".join(unpacked)


def _metadata(resources: dict[int, bytes], notes: tuple[str, ...]) -> Metadata:
    resolution = resources.get(RESOLUTION, b"")
    dpi = None
    if len(resolution) >= 16:
        # Fixed-point numbers with 16 bits of fraction.
        x, y = struct.unpack_from(">I4xI", resolution)
        dpi = (x / 65536, y / 65536) if x and y else None
    exif = upright_exif(resources.get(EXIF))
    notes = ("The flattened picture of a layered file is read.", *notes)
    return Metadata(resources.get(ICC), dpi, exif, resources.get(XMP), resources.get(IPTC), notes)


def _number(file: BinaryIO, kind: str) -> int:
    """Read one big-endian number."""
    return int(struct.unpack(kind, file.read(struct.calcsize(kind)))[0])
