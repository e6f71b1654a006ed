"""Files that are dangerous to open, and a program that opens them: `python -m tests.image.broken FOLDER REPORT`."""

import json
import random
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from tests.image import kinds as made
from tiler.core.geometry import Box
from tiler.errors import InputError
from tiler.image.open import open_source
from tiler.image.read import isolated

MOST_PIXELS = 10**6
ROWS, COLS = np.mgrid[0:64, 0:96]
RGB = np.dstack([COLS * 2, ROWS * 3, ROWS + COLS]).astype(np.uint8)
HUGE = 2**31 - 1


def chunk(kind: bytes, data: bytes, *, length: int | None = None) -> bytes:
    return (
        struct.pack(">I", len(data) if length is None else length)
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
    )


def png(*between: bytes, size: tuple[int, int] = (64, 96), data: bytes | None = None, grey: bool = False) -> bytes:
    """Return a PNG of zeros, or of compressed `data`, with chunks between the header and the pixels."""
    height, width = size
    head = struct.pack(">IIBBBBB", width, height, 8, 0 if grey else 2, 0, 0, 0)
    data = zlib.compress(bytes(height * (1 + width * (1 if grey else 3)))) if data is None else data
    parts = (chunk(b"IHDR", head), *between, chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def zeros(count: int, piece: int = 2**24) -> bytes:
    """Return `count` zeros deflated, in pieces that do not refer to each other, so one piece is used many times."""
    coder = zlib.compressobj(9)
    first = coder.compress(bytes(piece)) + coder.flush(zlib.Z_FULL_FLUSH)
    again = coder.compress(bytes(piece)) + coder.flush(zlib.Z_FULL_FLUSH)
    rest = coder.compress(bytes(count % piece)) + coder.flush()
    return first + again * (count // piece - 1) + rest[:-4] + struct.pack(">HH", count % 65521, 1)


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def claims(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield files whose headers claim billions of pixels, in every format that is decoded as a whole."""
    side = 60000
    two = struct.pack(">II", side, side)
    path = folder / "sound"
    write = {kind.name: kind.write for kind in made.kinds()}

    def sound(name: str) -> bytes:
        write[name](path)
        return path.read_bytes()

    yield "PNG", png(size=(side, side), data=zlib.compress(bytes(1000)))
    jpeg = sound("JPEG, progressive")
    yield "progressive JPEG", patched(jpeg, jpeg.index(b"\xff\xc2") + 5, struct.pack(">HH", side, side))
    psd = sound("PSD")
    yield "PSD", patched(psd, 14, two)
    jp2 = sound("JPEG 2000")
    yield "JPEG 2000", patched(jp2, jp2.index(b"\xff\x4f\xff\x51") + 8, two)
    bits = 3 << 1 | (side - 1) << 3 | 3 << 36 | (side - 1) << 38
    yield "JPEG XL", b"\xff\x0a" + bits.to_bytes(16, "little") + bytes(100)
    for name in ("AVIF", "HEIC"):
        with suppress(ImportError):
            data = sound(name)
            yield name, patched(data, data.index(b"ispe") + 8, two)
    with suppress(ImportError):
        exr = sound("OpenEXR, half")
        at = exr.index(b"dataWindow\0box2i\0") + 21
        yield "OpenEXR", patched(exr, at, struct.pack("<4i", 0, 0, side - 1, side - 1))
    write["DNG"](path)
    with tifffile.TiffFile(path, mode="r+b") as file:
        for tag in (256, 257):
            file.pages.first.tags[tag].overwrite(side)
    yield "DNG", path.read_bytes()
    tifffile.imwrite(path, RGB, photometric="rgb", compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        for tag in (256, 257, 278):
            file.pages.first.tags[tag].overwrite(side)
    yield "TIFF", path.read_bytes()


def bombs(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield files that decompress to far more than they should, or whose parts claim to be gigabytes."""
    path = folder / "sound"
    much = zeros(2**30)
    yield "PNG of 60000 x 60000 zeros", png(size=(60000, 60000), data=zeros(60000 * 60001), grey=True)
    yield "PNG, pixels that go on", png(data=much)
    yield "PNG, profile", png(chunk(b"iCCP", b"p\0\0" + much))
    yield "PNG, text", png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + much))
    yield "PNG, IPTC", png(chunk(b"zTXt", b"Raw profile type iptc\0\0" + much))
    for kind in (b"eXIf", b"iCCP", b"iTXt", b"IDAT"):
        yield f"PNG, {kind.decode()} of gigabytes", png(chunk(kind, bytes(50), length=HUGE))

    for name, level in (
        ("zlib", zeros(2**30)),
        ("packbits", b"\x81\0" * 2**22),
        ("zstd", imagecodecs.zstd_encode(bytes(2**29))),
    ):
        tifffile.imwrite(path, RGB, photometric="rgb", compression=name, rowsperstrip=64)
        data = path.read_bytes()
        with tifffile.TiffFile(path, mode="r+b") as file:
            file.pages.first.tags[273].overwrite(len(data))
            file.pages.first.tags[279].overwrite(len(level))
        yield f"TIFF, strip of {name}", path.read_bytes() + level
    yield from odd_tiffs(path)

    app = (
        b"\xff\xe1\xff\xff"
        + b"Exif\0\0II*\0\x08\0\0\0"
        + struct.pack("<H", 65535)
        + b"\x0f\x01\x02\0\xff\xff\xff\x7f" * 900
    )
    Image.fromarray(RGB).save(path, "JPEG")
    jpeg = path.read_bytes()
    yield "JPEG, Exif of gigabytes", jpeg[:2] + app.ljust(65537, b"\0") + jpeg[2:]
    for length in (0, 1, 2, 3, 65535):
        at = jpeg.index(b"\xff\xdb") + 2
        yield f"JPEG, tables of {length} bytes", patched(jpeg, at, struct.pack(">H", length))
    made.psd(RGB, 3)(path)
    psd = path.read_bytes()
    yield "PSD, resources of gigabytes", patched(psd, 30, b"\xff\xff\xff\xff")
    yield "PSD, colours of gigabytes", patched(psd, 26, b"\xff\xff\xff\xff")
    jxl = imagecodecs.jpegxl_encode(RGB, lossless=True, usecontainer=True)
    brob = b"xml " + imagecodecs.brotli_encode(bytes(2**28))
    yield "JPEG XL, packed XMP", jxl + struct.pack(">I", len(brob) + 8) + b"brob" + brob
    jp2 = imagecodecs.jpeg2k_encode(RGB, level=0)
    yield "JPEG 2000, box of gigabytes", patched(jp2, 12, b"\x7f\xff\xff\xff")
    yield "JPEG 2000, part of gigabytes", patched(jp2, jp2.index(b"\xff\x90") + 6, b"\x7f\xff\xff\xff")


def odd_tiffs(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield TIFFs with wrong counts, offsets and directories."""
    for tag, name in ((273, "offsets"), (279, "byte counts"), (34675, "profile"), (700, "XMP"), (33723, "IPTC")):
        tags = [] if tag < 280 else [(tag, 7, 64, bytes(64), False)]
        tifffile.imwrite(path, RGB, photometric="rgb", rowsperstrip=8, metadata=None, extratags=tags)
        with tifffile.TiffFile(path) as file:
            entry = file.pages.first.tags[tag].offset
        yield f"TIFF, {name} of gigabytes", patched(path.read_bytes(), entry + 4, b"\xff\xff\xff\x7f")
    for tag in (273, 279):
        for name, value in (("0", 0), ("1", 1), ("past the end", 2**20), ("at the end of all", 2**32 - 1)):
            tifffile.imwrite(path, RGB, photometric="rgb", rowsperstrip=8, compression="zlib")
            with tifffile.TiffFile(path) as file:
                found = file.pages.first.tags[tag]
                at, kind = found.valueoffset, "<I" if found.dtype == 4 else "<H"
            value = value if kind == "<I" else min(value, 65535)
            data = path.read_bytes()
            yield f"TIFF, first {tag} {name}", patched(data, at, struct.pack(kind, value))
            yield f"TIFF, all {tag} {name}", patched(data, at, struct.pack(kind, value) * 8)
    tifffile.imwrite(path, RGB, photometric="rgb", metadata=None)
    data = path.read_bytes()
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    yield "TIFF, its next page is itself", patched(data, start + 2 + 12 * count, data[4:8])
    yield "TIFF, 65535 tags", patched(data, start, b"\xff\xff")
    yield "TIFF, no tags", patched(data, start, b"\0\0")
    yield "TIFF, directory past the end", patched(data, 4, b"\xff\xff\xff\x7f")
    tifffile.imwrite(path, RGB, photometric="rgb", bigtiff=True)
    data = path.read_bytes()
    yield "BigTIFF, 2**60 tags", patched(data, struct.unpack_from("<Q", data, 8)[0], struct.pack("<Q", 2**60))


FLIPS = 40
# Formats in which a flipped bit cannot be found; of those, time and memory must stay bounded, and no region be empty.
WITHOUT_CHECKSUMS = ("jpeg", "progressive", "webp", "avif", "jxl", "jp2", "psd", "tiff jpeg", "tiff jpeg 2000")


def flips(sound: dict[str, bytes], path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each file with one bit flipped, at places drawn from a seed; in a TIFF, among its pixels."""
    for name, data in sound.items():
        rng = random.Random(name)
        spans = [(0, len(data))]
        if name.startswith("tiff"):
            path.write_bytes(data)
            with tifffile.TiffFile(path) as file:
                page = file.pages.first
                spans = [(at, at + size) for at, size in zip(page.dataoffsets, page.databytecounts, strict=True)]
        for index in range(FLIPS):
            at = rng.randrange(*rng.choice(spans))
            yield f"{name}, flip {index}", patched(data, at, bytes([data[at] ^ 1 << rng.randrange(8)]))


def cuts(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield files cut short, of the formats whose readers are in this package or decode as a whole."""
    path = folder / "sound"
    for kind in made.kinds():
        if kind.name in ("HEIC", "PSD", "PSD, packed, 16 bit", "OpenEXR, half", "OpenEXR, float", "DNG"):
            with suppress(ImportError):
                kind.write(path)
                for kept in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
                    yield f"{kind.name}, cut to {kept}", path.read_bytes()[: int(path.stat().st_size * kept)]


def high_water() -> int:
    """Return the peak of resident memory since the last call, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    most = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    Path("/proc/self/clear_refs").write_text("5")
    return most


def outcome(path: Path) -> dict[str, object]:
    """Return the outcome of opening and reading `path`: the error, or how many pixels are not those of `RGB`."""
    high_water()
    before, began = high_water(), time.process_time()
    found: dict[str, object]
    try:
        with closing(open_source(path, max_pixels=MOST_PIXELS)) as source:
            pixels = source.read(Box.whole(source.shape))
        off = pixels.shape != RGB.shape or (pixels.astype(int) != RGB).any(axis=2)
        # Blocks of one colour, of which the picture has none: what a decoder leaves when it stops early.
        blocks = [pixels[y : y + 16, x : x + 16] for y in range(0, 64, 16) for x in range(0, 96, 16)]
        flat = sum(bool(block.size) and bool((block == block[:1, :1]).all()) for block in blocks)
        found = {"shape": pixels.shape, "off": int(np.sum(off)), "flat": flat}
    except InputError as error:
        found = {"refused": error.what}
    return found | {"seconds": time.process_time() - began, "bytes": high_water() - before}


def main(folder: Path, report: Path) -> None:
    """Open every file in `folder` and write its outcome to `report`, a line each; standard output is for libraries.

    Decoders of whole files run in this process, whose time and memory are measured, and not in one of their own.
    """
    isolated.open_file = lambda reader, path, max_pixels, _: import_module(reader).open_file(path, max_pixels)
    with report.open("w") as lines:
        for path in sorted(folder.iterdir()):
            print(json.dumps([path.name, outcome(path)]), file=lines, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
