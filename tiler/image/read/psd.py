"""PSD and PSB: the flattened picture that Photoshop stores with "maximise compatibility"."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np

from tiler.errors import InputError
from tiler.image.limits import check_decodable, check_pixels
from tiler.image.metadata.parse import image_resources, orientation_in, upright_exif
from tiler.image.read.in_memory import decoded, in_memory
from tiler.image.source import SAMPLES, Colour, Metadata, Source

COLOURS: dict[int, Colour] = {1: "grey", 3: "rgb", 4: "cmyk"}
RESOLUTION, IPTC, ICC, EXIF, XMP, LAYERED_ONLY = 1005, 1028, 1039, 1058, 1060, 1057


def open_file(path: Path, max_pixels: int) -> Source:
    """Open the PSD or PSB `path`; raises InputError if it is damaged, or of a kind that is not read."""
    source: Source = decoded(path, "PSD", lambda: _read(path, max_pixels))
    return source


def _read(path: Path, max_pixels: int) -> Source:
    with path.open("rb") as file:
        version, count, height, width, bits, mode = struct.unpack(">4xH6xHIIHH", file.read(26))
        if mode not in COLOURS or bits not in (8, 16, 32) or version not in (1, 2):
            raise InputError(
                f"{path}: this PSD has a colour mode (number {mode}) or depth ({bits} bit) that is not read.",
                "Save it as RGB, grey or CMYK with 8 or 16 bits.",
            )
        colour = COLOURS[mode]
        samples, item = SAMPLES[colour], bits // 8
        if count < samples:
            raise ValueError("channels are missing")
        check_pixels(path, (height, width), max_pixels)
        check_decodable(path, 2 * height * width * samples * item, "a PSD")
        file.seek(struct.unpack(">I", file.read(4))[0], 1)
        resources = dict(image_resources(file.read(struct.unpack(">I", file.read(4))[0])))
        length = ">I" if version == 1 else ">Q"
        file.seek(struct.unpack(length, file.read(struct.calcsize(length)))[0], 1)
        (compression,) = struct.unpack(">H", file.read(2))
        dtype = np.dtype(f">{'f' if bits == 32 else 'u'}{item}")
        row_bytes = width * item
        if compression == 0:
            data = np.frombuffer(file.read(samples * height * row_bytes), dtype)
        elif compression == 1:
            sizes = np.frombuffer(file.read(count * height * (2 * version)), f">u{2 * version}")
            if sizes.size < count * height:
                raise ValueError("its table of rows is cut short")
            rows = []
            for size in sizes[: samples * height].tolist():
                row = imagecodecs.packbits_decode(file.read(size))
                if len(row) != row_bytes:
                    raise ValueError("a row has another length")
                rows.append(row)
            data = np.frombuffer(b"".join(rows), dtype)
        else:
            raise InputError(f"{path}: this PSD is compressed in a way that is not read.", "Save it as a TIFF.")
        if data.size != samples * height * width:
            raise ValueError("pixels are missing")
    pixels = np.moveaxis(data.reshape(samples, height, width), 0, 2).astype(dtype.newbyteorder("="))
    notes = ("The flattened picture of a layered file is read.",)
    resolution = resources.get(RESOLUTION, b"")
    dpi = None
    if len(resolution) >= 16:
        x, y = struct.unpack_from(">I4xI", resolution)
        dpi = (x / 65536, y / 65536) if x and y else None
    exif = resources.get(EXIF)
    metadata = Metadata(resources.get(ICC), dpi, upright_exif(exif), resources.get(XMP), resources.get(IPTC), notes)
    # Photoshop stores no ink as the highest value.
    if colour == "cmyk" and bits < 32:
        pixels = np.invert(pixels)
    return in_memory(pixels, metadata, orientation_in(exif), colour)
