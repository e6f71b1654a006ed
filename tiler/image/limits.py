"""What a picture needs before it is read, and whether there is as much."""

import os
import shutil
from pathlib import Path

from tiler.errors import InputError
from tiler.image.source import SAMPLES, Source

GB = 1e9
# What the readers and the levels in the making hold, whatever the picture.
FIXED_BYTES = 600 * 2**20
# Bands of the picture that are alive at once while its levels are made. Measured as growth of peak resident memory from
# 10,000 to 40,000 px of width, in bands of the samples of the source: 9.5 with 8 bits, 7.2 with 16, 7.3 with floats.
BAND_ROWS, BANDS = 512, 10
# A loaded network with TensorFlow around it, and what one tile of 1024 px holds while it is at work.
NETWORK_BYTES = 500 * 2**20
TILE_BYTES = 330 * 2**20


def available_memory() -> int:
    """Return the bytes of memory that can be had now without harm to others."""
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
    """Return (memory, scratch) in bytes that matting `source` takes besides the network."""
    height, width = source.shape
    pixels, item = height * width, source.dtype.itemsize
    # Levels for eyes are a third of the picture together, alphas of two bytes four thirds.
    scratch = pixels * min(item, 2) + pixels * 8 // 3
    if not source.random_access:
        scratch += pixels * SAMPLES[source.colour] * item
    return FIXED_BYTES + BANDS * BAND_ROWS * width * SAMPLES[source.colour] * item, scratch


def network_memory(tile_px: int, threads: int) -> int:
    """Return the bytes that a network takes: itself, and for each tile at work some 330 MB if it is 1024 px a side."""
    return NETWORK_BYTES + threads * TILE_BYTES * tile_px**2 // 1024**2


def check_room(
    path: Path, source: Source, scratch: Path, tile_px: int, threads: int, *, continued: bool = False
) -> None:
    """Raise InputError unless memory and the disk of `scratch` hold what `source` and the network take.

    tile_px, threads: sides of the tiles, and how many are at work at once. continued: the scratch files are there.
    """
    memory, disk = needed_bytes(source)
    needed = memory + network_memory(tile_px, threads)
    there, free = available_memory(), shutil.disk_usage(scratch).free
    remedies = []
    if needed > there:
        fewer = next((n for n in range(threads - 1, 0, -1) if memory + network_memory(tile_px, n) <= there), None)
        least = (memory + network_memory(tile_px, 1)) / GB
        remedies.append(
            f"--threads {fewer} would do." if fewer else f"Free some memory: with --threads 1 it takes {least:.1f} GB."
        )
    if disk > free and not continued:
        remedies.append(f"Name a directory with {disk / GB:.1f} GB of room with --work-dir.")
    if remedies:
        raise InputError(
            f"{path}: needs about {needed / GB:.1f} GB of memory and {disk / GB:.1f} GB of scratch disk; "
            f"there are {there / GB:.1f} GB and {free / GB:.1f} GB.",
            " ".join(remedies),
        )


def check_pixels(path: Path, shape: tuple[int, int], max_pixels: int) -> None:
    """Raise InputError if a picture claims no pixels, or more than `max_pixels`; shape: (height, width)."""
    height, width = shape
    if min(shape) < 1:
        raise InputError(f"{path}: says it is {width} x {height} px.", "Copy it again from where it came from.")
    if height * width > max_pixels:
        raise InputError(
            f"{path}: says it is {width} x {height} px, more than the {max_pixels:,} pixels that are read.",
            "If it truly is that large, raise --max-pixels, or cut it into parts.",
        )


def check_decodable(path: Path, memory: int, kind: str, instead: str = "a tiled TIFF") -> None:
    """Raise InputError if a file that can only be decoded whole would take more than half of the free memory."""
    most = available_memory() // 2
    if memory > most:
        raise InputError(
            f"{path}: {kind} is decoded whole, which would take {memory / GB:.1f} GB of memory and no scratch disk; "
            f"{most / GB:.1f} GB may be used.",
            f"Save it as {instead}, which is read in parts, or use a machine with more memory.",
        )
