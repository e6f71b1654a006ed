"""The memory of this process: its peak, and how freed memory goes back to the system."""

import ctypes
import sys
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")

# The parameter of glibc's mallopt(3) for the number of pools of memory that threads share. Memory freed in a pool stays
# in that pool. By default there are eight pools for every processor.
M_ARENA_MAX = -8
POOLS = 2
# Its parameters for the size from which an array is memory of its own, and for how much freed memory at the end of a
# pool is kept. The planes of a tile have a megabyte or less. By default their memory often goes back to the system and
# is had again, which clears it page by page: a tenth of the time beside the network.
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1
OWN_BYTES, KEPT_BYTES = 4 * 2**20, 24 * 2**20


def peak_memory_mb() -> float | None:
    """Return the peak of resident memory of this process so far, in MB of 10^6 bytes; None if the system has no figure.

    On Linux it is VmHWM of proc(5), because the figure of getrusage(2) starts at that of the process before an exec.
    """
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def resident_memory() -> int:
    """Return the bytes of resident memory of this process now; 0 if the system has no figure."""
    try:
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS:"))
    except (OSError, StopIteration):
        return 0
    return int(line.split()[1]) * 1024


def set_up_malloc() -> None:
    """Let threads share a few pools of memory, which keep it for the next tile, if the C library is glibc.

    With the default number of pools a run holds a fifth more memory.
    """
    if mallopt := _of_glibc("mallopt"):
        mallopt(M_ARENA_MAX, POOLS)
        mallopt(M_MMAP_THRESHOLD, OWN_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def release_memory() -> None:
    """Return freed memory to the system, if the C library is glibc, which otherwise keeps it for later."""
    if malloc_trim := _of_glibc("malloc_trim"):
        malloc_trim(0)


def _of_glibc(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
