"""What happened in a run, as values and as JSON."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tiler.atomic import atomic_file
from tiler.core.doubt import Place
from tiler.core.seams import Judgement
from tiler.engine.report import LevelReport
from tiler.image.read.lazy import open_lazily
from tiler.settings import Settings
from tiler.store.journal import FailedTile


@dataclass(frozen=True, slots=True)
class ModelReport:
    """The network: its name, the sha256 of its graph, precision and device in use, and what in it bears on tiling."""

    name: str
    sha256: str
    precision: str
    device: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One run: enough to see what it did and to do it again.

    seconds: wall time of each stage, in the order they came. peak_memory_mb: the most resident memory of the whole
    process so far, in 10^6 bytes; None where the system does not say.
    failed_tiles: those the network gave no answer for; the guide takes their place.
    seams: how well neighbouring tiles agree; `tiler.core.seams` says what each figure means.
    look_here: the most doubtful places, in pixels of the full picture, the worst first.
    guide_model: the network that made the guide, if it is not `model`.
    """

    source: str
    output: str
    shape: tuple[int, int]
    levels: tuple[LevelReport, ...]
    seconds: dict[str, float]
    peak_memory_mb: float | None
    model: ModelReport
    settings: Settings
    versions: dict[str, str]
    machine: str
    failed_tiles: tuple[FailedTile, ...] = ()
    seams: Judgement | None = None
    look_here: tuple[Place, ...] = ()
    guide_model: ModelReport | None = None

    @property
    def tiles_run(self) -> int:
        return sum(level.tiles_run for level in self.levels)

    @property
    def tiles_skipped(self) -> int:
        return sum(level.tiles_skipped for level in self.levels)

    def open(self) -> Any:
        """Return the output as a lazy Dask array: (height, width, samples), or (height, width) for an alpha alone.

        No pixel is read before it is computed. A TIFF or Zarr is read in parts, every other kind as a whole. Raises
        InputError if the output is gone.
        """
        return open_lazily(Path(self.output))

    def write(self, path: Path) -> None:
        """Write the report as JSON into the file `path`; raises OutputError if the disk refuses."""
        with atomic_file(path) as file:
            file.write(self.to_json().encode())

    def to_json(self) -> str:
        """Return the report as JSON text: one object, fields as here, paths as text, indented."""
        return json.dumps(asdict(self), indent=2, default=str) + "\n"


def versions() -> dict[str, str]:
    """Return the versions of Python and of what shapes the result; packages that are absent are left out."""
    found = {"python": platform.python_version()}
    for name in ("tiler-matting", "tensorflow", "numpy", "dask", "scipy", "tifffile", "pyvips", "pillow", "zarr"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """Return the processor's name and count as the system gives them."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} processors"
