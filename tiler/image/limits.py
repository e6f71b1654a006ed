"""Limits: what a picture needs of memory and disk, and errors raised before it is read if there is too little."""

import os
import shutil
from pathlib import Path

from tiler.errors import InputError
from tiler.image.source import BAND_ROWS, Source, samples_of

GB = 1e9
# What the readers and the making of the pyramid hold, whatever the size of the picture.
FIXED_BYTES = 600 * 2**20
# Bands of the picture that are in memory at once while its pyramid is made. Measured as growth of peak resident memory
# from 10,000 to 40,000 px of width, in bands of the samples of the source: 9.5 with 8 bits, 7.2 with 16 bits, 7.3 with
# floats.
BANDS_IN_MEMORY = 10
# What a loaded network and TensorFlow hold, and what the network holds while it works on one tile of 1024 px a side.
NETWORK_BYTES = 500 * 2**20
TILE_BYTES = 330 * 2**20


def available_memory() -> int:
    """Return the bytes of memory that are available now without harm to other processes."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return 2 * 2**30


def needed_bytes(source: Source) -> tuple[int, int]:
    """Return (memory, scratch disk) in bytes that matting `source` takes besides the network."""
    height, width = source.shape
    pixels, item = height * width, source.dtype.itemsize
    # The smaller levels hold a third of the pixels together, as RGB of 8 or 16 bits. Alpha, of two bytes, is kept for
    # all levels, four thirds of the pixels.
    scratch = pixels * min(item, 2) + pixels * 8 // 3
    if not source.random_access:
        scratch += pixels * samples_of(source) * item
    return FIXED_BYTES + BANDS_IN_MEMORY * BAND_ROWS * width * samples_of(source) * item, scratch


def network_memory(tile_px: int, threads: int) -> int:
    """Return the bytes of memory that a network takes with `threads` tiles of `tile_px` a side at work at once."""
    return NETWORK_BYTES + threads * TILE_BYTES * tile_px**2 // 1024**2


def check_room(
    path: Path, source: Source, scratch: Path, tile_px: int, threads: int, *, continued: bool = False
) -> None:
    """Raise InputError unless memory and the disk of `scratch` have room for what `source` and the network take.

    tile_px: side of a tile. threads: tiles at work at once. continued: a run is continued, so its scratch files exist.
    """
    memory, disk = needed_bytes(source)
    needed = memory + network_memory(tile_px, threads)
    available, free = available_memory(), shutil.disk_usage(scratch).free
    remedies = []
    if needed > available:
        fewer = next((n for n in range(threads - 1, 0, -1) if memory + network_memory(tile_px, n) <= available), None)
        least = (memory + network_memory(tile_px, 1)) / GB
        remedies.append(
            f"--threads {fewer} would do." if fewer else f"Free some memory: with --threads 1 it takes {least:.1f} GB."
        )
    if disk > free and not continued:
        remedies.append(f"Name a directory with {disk / GB:.1f} GB of room with --work-dir.")
    if remedies:
        raise InputError(
            f"{path}: needs about {needed / GB:.1f} GB of memory and {disk / GB:.1f} GB of scratch disk; "
            f"there are {available / GB:.1f} GB and {free / GB:.1f} GB.",
            " ".join(remedies),
        )


def check_pixels(path: Path, shape: tuple[int, int], max_pixels: int) -> None:
    """Raise InputError if a picture of `shape` (height, width) has no pixels, or more than `max_pixels`."""
    height, width = shape
    if min(shape) < 1:
        raise InputError(f"{path}: says it is {width} x {height} px.", "Copy it again from where it came from.")
    if height * width > max_pixels:
        raise InputError(
            f"{path}: says it is {width} x {height} px, more than the {max_pixels:,} pixels that are read.",
            "If it truly is that large, raise --max-pixels, or cut it into parts.",
        )


def check_decodable(path: Path, memory: int, kind: str, instead: str = "a tiled TIFF") -> None:
    """Raise InputError if decoding a file as a whole would take more than half of the available memory.

    memory: bytes that decoding takes. kind: what the file is, in words. instead: a format that is read in parts.
    """
    most = available_memory() // 2
    if memory > most:
        raise InputError(
            f"{path}: {kind} is decoded whole, which would take {memory / GB:.1f} GB of memory and no scratch disk; "
            f"{most / GB:.1f} GB may be used.",
            f"Save it as {instead}, which is read in parts, or use a machine with more memory.",
        )
