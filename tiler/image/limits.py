"""Limits: what a picture needs of memory and disk, and errors raised before it is read if there is too little."""

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from tiler.cgroup import memory_left
from tiler.errors import InputError
from tiler.image.read.orientation import TurnedSource
from tiler.image.source import BAND_ROWS, Source, samples_of
from tiler.memory import resident_memory

GB = 1e9
# What the readers and the making of the pyramid hold, whatever the size of the picture.
FIXED_BYTES = 600 * 2**20
# Bands of the picture that are in memory at once while its pyramid is made. Measured as growth of peak resident memory
# from 10,000 to 40,000 px of width, in bands of the samples of the source: 9.5 with 8 bits, 7.2 with 16 bits, 7.3 with
# floats. Three more are read ahead.
BANDS_IN_MEMORY = 13
# What a loaded network and TensorFlow hold, and what the network holds while it works on one tile of 1024 px a side.
NETWORK_BYTES = 500 * 2**20
TILE_BYTES = 330 * 2**20


# What the base takes besides: the answers of all views to two of its tiles, stacked and sorted, a pixel of a tile; its
# alpha, spread and doubts, a pixel of the base. Measured with ten views.
ANSWERS_BYTES = 320
BASE_BYTES = 30

# What the pictures that are being matted in this process take, apart from the network, which they share.
_at_work: list[int] = []


@dataclass(frozen=True, slots=True)
class Network:
    """What a network has to look at, as far as memory goes.

    tile_px: side of a tile. view_px: pixels of the largest view of a tile of the base. base_tile_px, base_px: pixels of
    that tile, and of the whole base. threads: tiles or views at work at once.
    """

    tile_px: int
    threads: int
    view_px: int = 0
    base_tile_px: int = 0
    base_px: int = 0

    @property
    def memory(self) -> int:
        """Bytes that the network takes, with everything that is held while it works."""
        tiles = self.threads * self.tile_px**2
        base = ANSWERS_BYTES * self.base_tile_px + BASE_BYTES * self.base_px
        return NETWORK_BYTES + max(TILE_BYTES * tiles >> 20, (TILE_BYTES * self.threads * self.view_px >> 20) + base)


def available_memory() -> int:
    """Return the bytes of memory that are available now without harm to other processes.

    In a container, or a control group of systemd, it is what the limits of the group leave.
    """
    allowed = memory_left()
    return _free_memory() if allowed is None else min(allowed, _free_memory())


def _free_memory() -> int:
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
    if isinstance(source, TurnedSource) and not source.random_access:
        scratch += pixels * samples_of(source) * item  # libvips unpacks it to a file of its own first
    return FIXED_BYTES + BANDS_IN_MEMORY * BAND_ROWS * width * samples_of(source) * item, scratch


@contextmanager
def at_work(source: Source) -> Iterator[None]:
    """Let the room that `source` takes count as taken, for other pictures of this process, until the block ends."""
    memory = needed_bytes(source)[0] - FIXED_BYTES
    _at_work.append(memory)
    try:
        yield
    finally:
        _at_work.remove(memory)


def check_room(
    path: Path,
    source: Source,
    scratch: Path,
    network: Network,
    *,
    continued: bool = False,
    output: tuple[Path, int] | None = None,
) -> None:
    """Raise InputError unless memory and disks have room for what `source`, the network and the output take.

    scratch: a directory for scratch files. continued: a run is continued, so its scratch files exist. output: the
    directory of the output, and the most bytes that the output can have. Memory that this process has already counts
    as available to it.
    """
    memory, disk = needed_bytes(source)
    memory += sum(_at_work)
    available = available_memory() + resident_memory()
    remedies = [_fewer_threads(memory, network, available)] if memory + network.memory > available else []
    places = [(scratch, 0 if continued else disk, "--work-dir"), *([(*output, "-o")] if output else [])]
    short = list(_short(places))
    remedies += [f"Name a directory with {size_of(wanted)} of room with {option}." for _, wanted, _, option in short]
    if remedies:
        have = [
            f"{size_of(available)} of memory",
            *(f"{size_of(free)} on the disk of {at}" for at, _, free, _ in short),
        ]
        to_write = f" and {size_of(output[1])} for the output" if output else ""
        raise InputError(
            f"{path}: needs about {size_of(memory + network.memory)} of memory, {size_of(disk)} of scratch disk"
            f"{to_write}; there are {', '.join(have)}.",
            " ".join(remedies),
        )


def _short(places: list[tuple[Path, int, str]]) -> Iterator[tuple[Path, int, int, str]]:
    """Yield (folder, bytes wanted, bytes free, option) for each disk without room for what is wanted of it in all.

    places: (folder, bytes, option that names another folder); of two on one disk the first is named that wants any.
    """
    disks: dict[int, list[tuple[Path, int, str]]] = defaultdict(list)
    for place in places:
        disks[place[0].stat().st_dev].append(place)
    for on_it in disks.values():
        wanted = sum(size for _, size, _ in on_it)
        folder, _, option = next((place for place in on_it if place[1]), on_it[0])
        if wanted > (free := shutil.disk_usage(folder).free):
            yield folder, wanted, free, option


def size_of(count: int) -> str:
    """Return a number of bytes for people, never as 0 of something larger: "3.2 GB", "45 MB", "7 kB"."""
    if count >= GB:
        return f"{count / GB:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{ceil(count / 1e3)} kB"


def _fewer_threads(memory: int, network: Network, available: int) -> str:
    for threads in range(network.threads - 1, 0, -1):
        if memory + replace(network, threads=threads).memory <= available:
            return f"--threads {threads} would do."
    least = memory + replace(network, threads=1).memory
    others = ", and fewer --jobs take less" if _at_work else ""
    return f"Free some memory: with --threads 1 it takes {size_of(least)}{others}."


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
            f"{path}: {kind} is decoded whole, which would take {size_of(memory)} of memory and no scratch disk; "
            f"{size_of(most)} may be used.",
            f"Save it as {instead}, which is read in parts, or use a machine with more memory.",
        )
