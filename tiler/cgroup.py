"""What the control groups of Linux leave to this process: memory and processors, in versions 1 and 2.

Sources: the kernel's admin-guide/cgroup-v2.rst and admin-guide/cgroup-v1/memory.rst, and proc(5) for mountinfo.
"""

from collections.abc import Iterator
from math import ceil
from pathlib import Path

ROOT = Path("/")
Values = dict[str, int]


def memory_left(root: Path = ROOT) -> int | None:
    """Return the bytes of memory that the groups of this process still leave to it; None if they set no limit.

    The least of all groups above it counts. What a group holds of files that were read, and were not used since, can be
    had. root: where the file system begins, for tests.
    """
    left = [room for folder, version in _groups(root, "memory") if (room := _room(folder, version)) is not None]
    return max(0, min(left)) if left else None


def processors(root: Path = ROOT) -> int | None:
    """Return how many processors the groups of this process leave to it, rounded up; None if they set no limit."""
    shares = [share for folder, version in _groups(root, "cpu") if (share := _share(folder, version)) is not None]
    return max(1, ceil(min(shares))) if shares else None


def _room(folder: Path, version: int) -> int | None:
    names = ("memory.max", "memory.high") if version == 2 else ("memory.limit_in_bytes",)
    limits = [limit for name in names if (limit := _number(folder / name)) is not None]
    used = _number(folder / ("memory.current" if version == 2 else "memory.usage_in_bytes"))
    if not limits or used is None:
        return None
    idle = _table(folder / "memory.stat").get("inactive_file" if version == 2 else "total_inactive_file", 0)
    return min(limits) - used + idle


def _share(folder: Path, version: int) -> float | None:
    if version == 2:
        words = (_text(folder / "cpu.max") or "max").split()
        return int(words[0]) / int(words[1]) if words[0].isdecimal() and len(words) == 2 else None
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return quota / period if quota and period else None


def _groups(root: Path, controller: str) -> Iterator[tuple[Path, int]]:
    """Yield the folder of each group that this process is in for `controller`, its own first, and its version."""
    for version, mounted, within in _mounts(root, controller):
        own = _path_in(root, controller, version)
        if own is None:
            continue
        # In a container the group may lie outside of what is mounted; what is mounted then is the container's own.
        inner = own.relative_to(within) if own.is_relative_to(within) else Path()
        folder = root / mounted.relative_to("/")
        for path in (inner, *inner.parents):
            yield folder / path, version


def _mounts(root: Path, controller: str) -> Iterator[tuple[int, Path, Path]]:
    """Yield version, mount point and the group that is mounted there, of each hierarchy that may hold `controller`."""
    for line in (_text(root / "proc/self/mountinfo") or "").splitlines():
        mount, _, kind = line.partition(" - ")
        fields, kinds = mount.split(), kind.split()
        if len(fields) < 5 or len(kinds) < 3:
            continue
        if kinds[0] == "cgroup2":
            yield 2, Path(fields[4]), Path(fields[3])
        elif kinds[0] == "cgroup" and controller in kinds[2].split(","):
            yield 1, Path(fields[4]), Path(fields[3])


def _path_in(root: Path, controller: str, version: int) -> Path | None:
    """Return the group of this process; None if it is in none."""
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if (number == "0" and not controllers) if version == 2 else controller in controllers.split(","):
            return Path(path)
    return None


def _number(path: Path) -> int | None:
    """Return the number in a file; None if there is none, as for "max" and -1."""
    text = _text(path)
    return int(text) if text is not None and text.strip().isdecimal() else None


def _table(path: Path) -> Values:
    pairs = (line.split() for line in (_text(path) or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
