"""Every option of a run, said once: its name, its default, what it does, and the values it can have.

Options come in six groups. The command line is generated from them, presets are read into them, and a group that
does not shape the alpha cannot reach the recipe, because the recipe takes other types.
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from tiler.cgroup import processors
from tiler.edge import edges_of
from tiler.errors import SettingsError
from tiler.options import Group, Help, nearest, options_of

Route = Literal["auto", "dense"]
Detail = Literal["network", "none"]
Precision = Literal["auto", "f32", "bf16"]
Compression = Literal["deflate", "lzw"]
Colours = Literal["clean", "source"]

# Each tile in flight holds its activations in memory; more of them than this helps no machine that was tried.
MOST_THREADS = 16
# Larger than any scan or panorama known to us. A header that claims more is a mistake or an attack.
MOST_PIXELS = 20_000_000_000


def default_threads() -> int:
    """Return the number of processors this process may use, 16 at most; a container may leave it fewer than all."""
    present = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(present, processors() or present, MOST_THREADS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MattingOptions(Group):
    """Guide and detail: what the network sees, and what of the picture runs. All of it shapes the alpha."""

    guide_px: Annotated[
        int | None,
        Help("Short side of the small picture that the network sees whole, in pixels.", shown="the model's", least=32),
    ] = None
    tile_px: Annotated[int | None, Help("Side of a tile, in pixels.", shown="the model's", least=32)] = None
    overlap_px: Annotated[
        int | None, Help("Least overlap of neighbouring tiles, in pixels.", shown="the model's", least=0)
    ] = None
    route: Annotated[Route, Help("auto: run the tiles that the guide leaves uncertain; dense: run all tiles.")] = "auto"
    views: Annotated[
        int | Literal["all"],
        Help(
            "Views of the small picture whose median is the guide: so many of the model's, or all of them; "
            "1 is the picture as it is.",
            least=1,
        ),
    ] = "all"
    network_levels: Annotated[
        int | Literal["auto", "all"],
        Help(
            "Levels above the small picture whose tiles the network sees; finer ones are sharpened by colours alone. "
            "auto: as the model's card advises.",
            least=0,
        ),
    ] = "auto"
    dense_levels: Annotated[
        int,
        Help(
            "Levels above the small picture whose tiles all run, and may add people that it was too small to show.",
            least=0,
        ),
    ] = 0
    detail: Annotated[
        Detail, Help("network: tiles sharpen the small alpha; none: it is only enlarged, for a quick look.")
    ] = "network"
    wrap: Annotated[
        bool | None, Help("Left and right ends of the picture meet.", shown="as its panorama metadata says")
    ] = None
    ignore_alpha: Annotated[
        bool, Help("Do as if the picture had no alpha of its own; by default the result is multiplied by it.")
    ] = False
    repair: Annotated[
        bool, Help("Run the tiles along bad seams again on a grid shifted by half a tile, and keep what agrees better.")
    ] = False

    def __post_init__(self) -> None:
        Group.__post_init__(self)
        if self.tile_px is not None and self.overlap_px is not None and 2 * self.overlap_px > self.tile_px:
            raise SettingsError(
                f"--overlap-px {self.overlap_px} is more than half of --tile-px {self.tile_px}.",
                f"Choose an overlap of {self.tile_px // 2} or less, or larger tiles.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HintOptions(Group):
    """What is known beforehand. In a batch, guide and trimap are folders, with one file for each picture."""

    guide: Annotated[
        Path | None,
        Help("An alpha of any size, from another tool or by hand, in the place of the small picture's.", shown="none"),
    ] = None
    trimap: Annotated[
        Path | None,
        Help("A trimap of the picture's size: 0 and 255 are kept exactly, 128 is not known.", shown="none"),
    ] = None
    roi: Annotated[
        tuple[str, ...],
        Help("Work in the rectangle X,Y,WIDTH,HEIGHT alone; the rest is as the guide has it. Repeatable.", shown="all"),
    ] = ()

    def __post_init__(self) -> None:
        Group.__post_init__(self)
        for text in self.roi:
            numbers = [int(part) if part.strip().isdecimal() else -1 for part in text.split(",")]
            if len(numbers) != 4 or min(numbers) < 0 or 0 in numbers[2:]:
                raise SettingsError(
                    f"--roi is {text!r}.", "Give left, top, width and height in pixels: --roi 1200,800,2000,1500."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeOptions(Group):
    """Which network runs, and on what."""

    model: Annotated[str, Help("A name that `tiler models` lists, or a directory with a graph.")] = "modnet"
    guide_model: Annotated[
        str | None,
        Help("Another network for the small picture; --model then sees the tiles alone.", shown="the same as --model"),
    ] = None
    precision: Annotated[
        Precision,
        Help("auto: bfloat16 where the processor has it, else float32; f32: always float32; bf16: bfloat16 or fail."),
    ] = "auto"
    device: Annotated[
        str,
        Help(
            "auto: a graphics card that can be used, else the processor; cpu; cuda; or another provider of onnxruntime "
            "by its name. What is named and not there is an error."
        ),
    ] = "auto"
    threads: Annotated[int | None, Help("Tiles in flight at once.", shown="all processors, 16 at most", least=1)] = None
    cluster: Annotated[
        str | None,
        Help("A Dask scheduler, tcp://host:8786; or local:N for N processes here.", shown="threads of this process"),
    ] = None

    @property
    def thread_count(self) -> int:
        """Tiles in flight at once: as asked for, or one for each processor."""
        return self.threads or default_threads()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions(Group):
    """What is written."""

    alpha_only: Annotated[bool, Help("Write the alpha alone, as a grey picture.")] = False
    colours: Annotated[
        Colours,
        Help("clean: hair has the foreground's colours, without the old background's; source: those of the picture."),
    ] = "clean"
    edge: Annotated[
        tuple[str, ...],
        Help(
            "shrink:PX moves the edge inwards, feather:PX softens it by a Gaussian of that sigma, choke:A,B spreads "
            "alpha A..B over 0..1; in pixels of the picture. Repeatable, done in the order given.",
            shown="as it is",
        ),
    ] = ()
    bits: Annotated[Literal[8, 16] | None, Help("8 or 16 bits a channel.", shown="as the picture")] = None
    premultiplied: Annotated[bool, Help("Multiply the colours by the alpha (TIFF and Zarr; OpenEXR always does).")] = (
        False
    )
    compression: Annotated[Compression, Help("Of a TIFF: deflate is smaller and faster, lzw is read everywhere.")] = (
        "deflate"
    )
    pyramid: Annotated[
        bool, Help("Write the smaller sizes of a TIFF into it as well, each half of the one before.")
    ] = False

    def __post_init__(self) -> None:
        Group.__post_init__(self)
        edges_of(self.edge)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(Group):
    """How the run goes. No option here changes a finished output."""

    fresh: Annotated[bool, Help("Start over instead of continuing a stopped run.")] = False
    strict: Annotated[bool, Help("Fail if the network fails on a tile, instead of using the guide there.")] = False
    max_pixels: Annotated[int, Help("Refuse pictures that claim to have more pixels.", least=1)] = MOST_PIXELS
    work_dir: Annotated[Path | None, Help("Directory for scratch files.", shown="the output's own")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions(Group):
    """What is written about the run. In a batch each is a folder, with one file for each picture."""

    report: Annotated[Path | None, Help("Write what happened as JSON.", shown="none")] = None
    html: Annotated[Path | None, Help("Write a self-contained HTML report, to look at and to send.", shown="none")] = (
        None
    )
    snapshot: Annotated[
        Path | None, Help("Write small arrays of the run as .npz, for `tiler seams` and `tiler.figures`.", shown="none")
    ] = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Every option of a run, in groups.

    matting: guide and detail. hints: what is known beforehand. compute: network and machine. output: what is written.
    run: how the run goes. reports: what is written about it.

    Raises SettingsError, naming the option and the values it can have.
    """

    matting: MattingOptions = field(default_factory=MattingOptions)
    hints: HintOptions = field(default_factory=HintOptions)
    compute: ComputeOptions = field(default_factory=ComputeOptions)
    output: OutputOptions = field(default_factory=OutputOptions)
    run: RunOptions = field(default_factory=RunOptions)
    reports: ReportOptions = field(default_factory=ReportOptions)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return settings from options by name: `Settings.of(tile_px=768, bits=16)`.

        Raises SettingsError for a name that is no option, with the nearest name that is one.
        """
        return cls().with_options(**values)

    def with_options(self, **values: Any) -> Self:
        """Return these settings with some options changed; raises SettingsError as `of` does."""
        changed: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            changed.setdefault(group_of(name), {})[name] = value
        return replace(self, **{group: replace(getattr(self, group), **some) for group, some in changed.items()})


GROUPS: dict[str, type[Group]] = {
    "matting": MattingOptions,
    "hints": HintOptions,
    "compute": ComputeOptions,
    "output": OutputOptions,
    "run": RunOptions,
    "reports": ReportOptions,
}


def group_of(name: str) -> str:
    """Return the name of the group that the option `name` is in; raises SettingsError, with the nearest name."""
    for group, kind in GROUPS.items():
        if any(one.name == name for one in options_of(kind)):
            return group
    known = [one.name for kind in GROUPS.values() for one in options_of(kind)]
    raise SettingsError(f"There is no option {name!r}.", nearest(name, known))
