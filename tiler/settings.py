"""Every option of a run, in one value that is checked once."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from tiler.errors import SettingsError

Route = Literal["auto", "dense"]
Detail = Literal["network", "none"]
Precision = Literal["auto", "f32", "bf16"]
Compression = Literal["deflate", "lzw"]

# A network never asks more of a laptop than this many tiles at once; each holds its activations in memory.
MOST_THREADS = 16
# Well beyond any scan or panorama known to us; a header that says more is a mistake or an attack.
MOST_PIXELS = 20_000_000_000


def default_threads() -> int:
    """Return the number of processors this process may use, 16 at most."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST_THREADS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one run.

    model: a name from `tiler models`, or a directory with a graph and its card.
    guide_px: short side, in pixels, of the small picture the network sees first; None takes the model's own.
    tile_px, overlap_px: side of a tile and overlap of neighbours, in pixels; None takes the model's own.
    route: "auto" runs only tiles that the guide leaves uncertain, "dense" runs them all.
    dense_levels: how many levels above the base run all their tiles even so, to find what the base is too small for.
    detail: "network" sharpens the small picture's alpha with tiles; "none" enlarges it as it is, for a quick look: no
    tile runs but those of dense_levels.
    wrap: the left and right ends are neighbours; None asks the picture's own panorama metadata.
    precision: "auto" takes bfloat16 where the processor has it, "f32" refuses it, "bf16" insists.
    threads: tiles in flight at once.
    alpha_only: write the alpha alone instead of the picture with alpha.
    bits: bits per channel of the output, 8 or 16; None keeps the picture's own.
    premultiplied: multiply the colours by the alpha; TIFF and Zarr alone, and always so in OpenEXR.
    compression: of a TIFF; "deflate" is smaller and faster here, "lzw" is what the oldest programs read.
    pyramid: write a TIFF's smaller sizes, each half of the one before, into it as well.
    fresh: start over where an interrupted run could be continued.
    mend: run the tiles along bad seams once more, on a grid shifted by half a tile, and keep what agrees better.
    strict: a tile that the network fails on ends the run; else the guide stands in for it, and the report says so.
    max_pixels: refuse pictures that say they have more.
    work_dir: where the work folder may lie while the run lasts; None takes the output's own directory.
    cluster: a Dask scheduler's address, tcp://host:8786, or "local:N" for N worker processes; None works in threads.
    seams: an .npz file for a look at the seams, which `tiler seams` and `tiler.inspect.figures` take.
    html: a page to write about the run, for people without Python.

    Raises SettingsError, naming the option and the values it can have.
    """

    model: str = "modnet"
    guide_px: int | None = None
    tile_px: int | None = None
    overlap_px: int | None = None
    route: Route = "auto"
    dense_levels: int = 0
    detail: Detail = "network"
    wrap: bool | None = None
    precision: Precision = "auto"
    threads: int = field(default_factory=default_threads)
    alpha_only: bool = False
    bits: Literal[8, 16] | None = None
    premultiplied: bool = False
    compression: Compression = "deflate"
    pyramid: bool = False
    fresh: bool = False
    mend: bool = False
    strict: bool = False
    max_pixels: int = MOST_PIXELS
    work_dir: Path | None = None
    cluster: str | None = None
    seams: Path | None = None
    html: Path | None = None

    def __post_init__(self) -> None:
        _at_least("guide-px", self.guide_px, 32)
        _at_least("tile-px", self.tile_px, 32)
        _at_least("overlap-px", self.overlap_px, 0)
        _at_least("threads", self.threads, 1)
        _at_least("dense-levels", self.dense_levels, 0)
        _at_least("max-pixels", self.max_pixels, 1)
        _one_of("route", self.route, get_args(Route))
        _one_of("detail", self.detail, get_args(Detail))
        _one_of("precision", self.precision, get_args(Precision))
        _one_of("bits", self.bits, (8, 16, None))
        _one_of("compression", self.compression, get_args(Compression))
        if self.tile_px is not None and self.overlap_px is not None and 2 * self.overlap_px > self.tile_px:
            raise SettingsError(
                f"--overlap-px {self.overlap_px} is more than half of --tile-px {self.tile_px}.",
                f"Choose an overlap of {self.tile_px // 2} or less, or larger tiles.",
            )


def _at_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise SettingsError(f"--{name} is {value}.", f"Give a number of at least {least}.")


def _one_of(name: str, value: object, known: tuple[object, ...]) -> None:
    if value not in known:
        raise SettingsError(f"--{name} is {value!r}.", f"Choose one of: {', '.join(str(k) for k in known if k)}.")
