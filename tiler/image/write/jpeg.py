"""JPEG out: encoded by libvips, row by row, from a scratch file; for pictures without alpha."""

import struct
from collections.abc import Iterator
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from tiler.image.metadata.build import exif_block
from tiler.image.source import Metadata
from tiler.image.write.output import OutputImage

QUALITY = 95
# The most that libjpeg takes, a little below the 65,535 of the format.
MOST_PX = 65_500
# The marker that begins the file.
HEAD_BYTES = 2
MOST_DPI = 65_535
JFIF, EXIF, XMP, ICC = b"JFIF\0\1\2\1", b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
MOST_SEGMENT_BYTES = 65_533


def write(file: BinaryIO, image: OutputImage) -> None:
    """Write the image, 8 bit RGB, at quality 95, with the colours at the full size; a profile may take many segments.

    Raises ValueError if Exif or XMP do not fit into one segment each, OSError if the disk refuses.
    """
    import pyvips

    segments = b"".join(_segments(image))
    trouble: list[OSError] = []
    written = bytearray()

    def take(data: bytes) -> int:
        try:
            if len(written) < HEAD_BYTES:
                written.extend(data)
                if len(written) >= HEAD_BYTES:
                    file.write(written[:HEAD_BYTES] + segments + written[HEAD_BYTES:])
            else:
                file.write(data)
        except OSError as error:
            trouble.append(error)
            return -1
        return len(data)

    with NamedTemporaryFile(dir=image.scratch, prefix=".jpeg-") as raw:
        for band in image.bands:
            raw.write(band.tobytes())
        raw.flush()
        loaded = pyvips.Image.rawload(raw.name, image.shape[1], image.shape[0], image.samples)
        picture = loaded.copy(interpretation="srgb")
        target = pyvips.TargetCustom()
        target.on_write(take)
        try:
            picture.jpegsave_target(target, Q=QUALITY, optimize_coding=True, subsample_mode="off", keep="none")
        except pyvips.Error as error:
            raise (trouble[0] if trouble else OSError(f"libvips: {error}")) from error


def _segments(image: OutputImage) -> Iterator[bytes]:
    """Yield the segments of resolution, Exif, XMP and profile."""
    metadata = image.metadata
    dpi = (min(max(round(dots), 1), MOST_DPI) for dots in metadata.dpi or (72, 72))
    yield _segment(0xE0, JFIF + struct.pack(">HHH", *dpi, 0))
    if metadata.exif:
        yield _segment(0xE1, EXIF + exif_block(metadata, image.shape))
    if metadata.xmp:
        yield _segment(0xE1, XMP + metadata.xmp)
    yield from _profile(metadata)


def _profile(metadata: Metadata) -> Iterator[bytes]:
    """Yield the profile in as many segments as it takes (ICC.1, B.4)."""
    icc = metadata.icc or b""
    room = MOST_SEGMENT_BYTES - len(ICC) - 2
    count = -(-len(icc) // room)
    for number in range(count):
        yield _segment(0xE2, ICC + bytes([number + 1, count]) + icc[number * room :][:room])


def _segment(marker: int, data: bytes) -> bytes:
    if len(data) > MOST_SEGMENT_BYTES:
        raise ValueError(f"{len(data)} bytes do not fit into a segment")
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
