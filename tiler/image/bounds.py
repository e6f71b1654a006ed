"""What a picture needs before it is read, and whether there is as much."""

import os
import shutil
from pathlib import Path

from tiler.errors import InputError
from tiler.image.source import SAMPLES, Source

GB = 1e9
# What the readers and the levels in the making hold, whatever the picture.
FIXED_BYTES = 600 * 2**20


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


def estimate(source: Source) -> tuple[int, int]:
    """Return (memory, scratch) in bytes that matting `source` takes besides the network."""
    height, width = source.shape
    pixels, item = height * width, source.dtype.itemsize
    # Levels for eyes are a third of the picture together, alphas of two bytes four thirds.
    scratch = pixels * min(item, 2) + pixels * 8 // 3
    if not source.random_access:
        scratch += pixels * SAMPLES[source.colour] * item
    return FIXED_BYTES + 2 * 512 * width * SAMPLES[source.colour] * item, scratch


def check_room(path: Path, source: Source, scratch: Path) -> None:
    """Raise InputError unless memory and the disk of `scratch` hold what `source` takes."""
    memory, disk = estimate(source)
    free = shutil.disk_usage(scratch).free
    if memory > available_memory() or disk > free:
        raise InputError(
            f"{path}: needs about {memory / GB:.1f} GB of memory and {disk / GB:.1f} GB of scratch disk; "
            f"there are {available_memory() / GB:.1f} GB and {free / GB:.1f} GB.",
            "Free some of it, or name a directory on a larger disk with --work-dir.",
        )


def check_whole(path: Path, memory: int, kind: str, instead: str = "a tiled TIFF") -> None:
    """Raise InputError if a file that can only be decoded whole would take more than half of the free memory."""
    most = available_memory() // 2
    if memory > most:
        raise InputError(
            f"{path}: {kind} is decoded whole, which would take {memory / GB:.1f} GB of memory and no scratch disk; "
            f"{most / GB:.1f} GB may be used.",
            f"Save it as {instead}, which is read in parts, or use a machine with more memory.",
        )
