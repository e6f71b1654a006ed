"""The memory of this process: the most that it held, and how it holds no more than it uses."""

import ctypes
import sys
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")

# Of glibc's mallopt(3): how many pools its threads share. Each keeps what was freed in it for itself; by default there
# are eight for every processor.
M_ARENA_MAX = -8
POOLS = 2


def peak_memory_mb() -> float | None:
    """Return the most resident memory of this process so far, in MB; None where a system does not tell.

    That is VmHWM of proc(5) on Linux, where the figure of getrusage(2) begins with that of the process before an exec.
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


def limit_malloc_pools() -> None:
    """Have threads that are yet to come share a few pools of memory, where the C library is glibc.

    With the pools that it would make, a run holds a fifth more.
    """
    if mallopt := _of_glibc("mallopt"):
        mallopt(M_ARENA_MAX, POOLS)


def release_memory() -> None:
    """Hand freed memory back to the system, where the C library is glibc, which would keep it for later."""
    if malloc_trim := _of_glibc("malloc_trim"):
        malloc_trim(0)


def _of_glibc(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
