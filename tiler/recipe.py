"""All that shapes an alpha, in one value; two recipes that do not differ give the same bytes.

A stopped run, a finished output, a batch and the workers of a cluster all ask `Recipe.differences`, and nothing else,
whether they mean the same alpha. Threads, cluster, work folder and progress do not shape it, and no field here can hold
them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tiler.checksum import sha256_of
from tiler.core.geometry import Axis
from tiler.core.plan import Plan, make_plan
from tiler.errors import InputError, SettingsError
from tiler.image.read.vips import libvips_version
from tiler.model.card import ModelCard
from tiler.model.network import Device, UsedPrecision
from tiler.model.pair import networks_of
from tiler.model.session import Opened
from tiler.options import options_of
from tiler.progress import Progress
from tiler.settings import HintOptions, MattingOptions, OutputOptions

Value = str | int | float | bool | None
Parts = Mapping[str, Value]

# Distributions that shape an alpha: this one, the network's arithmetic, what fuses and resizes, and every reader.
SHAPING = (
    "tiler-matting",
    "tensorflow",
    "onnxruntime",
    "onnxruntime-gpu",
    "numpy",
    "scipy",
    "pillow",
    "tifffile",
    "imagecodecs",
    "zarr",
    "pyvips",
    "rawpy",
    "pillow-heif",
    "OpenEXR",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One part in which two recipes differ; None where one of them does not have it."""

    name: str
    before: Value
    now: Value

    def __str__(self) -> str:
        return f"{self.name} {self.before} -> {self.now}"


@cache
def shaping_versions() -> tuple[tuple[str, str], ...]:
    """Return (name, version) of what shapes an alpha, libvips among them; what is not installed is left out."""
    found = [("libvips", libvips_version())]
    for name in SHAPING:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class GuideNetwork:
    """The network that makes the guide, where it is another one; each part as in `Recipe`."""

    card: ModelCard
    graph_sha256: str
    precision: UsedPrecision
    device: Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What shapes an alpha.

    source_sha256: of the picture's file. card: the contract of the network. graph_sha256: of its graph file.
    precision, device: as resolved, never "auto". guide: the network that makes the guide, if it is another; `card` is
    then that of the two as one, and the other parts are of the one that is shown the tiles. plan: levels and tiles.
    matting: the options of guide and detail. hints: (name, value) pairs of what was known beforehand. output: the
    options of the written file; None where the alpha alone is meant. versions: (name, version) pairs.
    """

    source_sha256: str
    card: ModelCard
    graph_sha256: str
    precision: UsedPrecision
    device: Device
    plan: Plan
    matting: MattingOptions
    guide: GuideNetwork | None = None
    hints: tuple[tuple[str, str], ...] = ()
    output: OutputOptions | None = None
    versions: tuple[tuple[str, str], ...] = field(default_factory=shaping_versions)

    def parts(self) -> dict[str, Value]:
        """Return every part by its name, flat, as JSON can keep it."""
        tiling = tiling_of(self.card, self.matting)
        return {
            "source sha256": self.source_sha256,
            **_flat("model ", self.card),
            "model graph sha256": self.graph_sha256,
            "precision": self.precision,
            "device": self.device,
            **(_flat("guide model ", self.guide) if self.guide else {}),
            **{one.flag: _plain(getattr(self.matting, one.name)) for one in options_of(MattingOptions)},
            **dict(self.hints),
            "--guide-px": tiling.guide_px,
            "--tile-px": tiling.tile_px,
            "--overlap-px": tiling.overlap_px,
            "--wrap": self.plan.levels[0].cols.wraps,
            "levels": " ".join(f"{_tiling(level.rows)}x{_tiling(level.cols)}" for level in self.plan.levels),
            **(
                {one.flag: _plain(getattr(self.output, one.name)) for one in options_of(OutputOptions)}
                if self.output
                else {}
            ),
            **{f"version of {name}": number for name, number in self.versions},
        }

    def differences(self, other: "Recipe | Parts") -> tuple[Difference, ...]:
        """Return where this recipe differs from an earlier one, which may be its `parts` as read from a file."""
        now = self.parts()
        before = other.parts() if isinstance(other, Recipe) else other
        names = dict.fromkeys([*before, *now])
        return tuple(
            Difference(name, before.get(name), now.get(name))
            for name in names
            if name not in now or name not in before or before[name] != now[name]
        )


def parts_of(session: Opened) -> dict[str, Any]:
    """Return the parts of a recipe that its network, or its two networks, give, by field."""
    guide, tiles = networks_of(session)
    return {
        "card": session.card,
        "graph_sha256": tiles.sha256,
        "precision": tiles.precision,
        "device": tiles.device,
        "guide": None if guide is tiles else GuideNetwork(guide.card, guide.sha256, guide.precision, guide.device),
    }


def hints_of(hints: HintOptions, progress: Progress) -> tuple[tuple[str, str], ...]:
    """Return what was known beforehand as (name, value) pairs: files by their sha256.

    Raises InputError if a file is not there.
    """
    found = []
    for name, path in (("guide", hints.guide), ("trimap", hints.trimap)):
        if path is not None:
            if not path.is_file():
                raise InputError(f"{path}: there is no such file.", f"Check --{name}.")
            found.append((f"{name} sha256", sha256_of(path, progress)))
    return (*found, *((("--roi", " ".join(sorted(hints.roi))),) if hints.roi else ()))


@dataclass(frozen=True, slots=True)
class Tiling:
    """Working size of the guide, side of a tile and overlap of neighbours, in pixels, as a run uses them."""

    guide_px: int
    tile_px: int
    overlap_px: int


def tiling_of(card: ModelCard, matting: MattingOptions) -> Tiling:
    """Return what the options ask for, or else the values of the card.

    Raises SettingsError if tile and overlap do not fit each other.
    """
    tile_px = matting.tile_px or card.tile_px
    overlap_px = matting.overlap_px if matting.overlap_px is not None else min(card.overlap_px, tile_px // 4)
    if 2 * overlap_px > tile_px:
        raise SettingsError(
            f"--overlap-px {overlap_px} is more than half of the {tile_px} px tiles of {card.name}.",
            f"Choose an overlap of {tile_px // 2} or less, or larger tiles with --tile-px.",
        )
    return Tiling(matting.guide_px or card.guide_px, tile_px, overlap_px)


def plan_for(shape: tuple[int, int], card: ModelCard, matting: MattingOptions, *, wraps: bool = False) -> Plan:
    """Return the plan for a picture of `shape` (height, width) in pixels; wraps: its left and right ends meet.

    Raises SettingsError as `tiling_of` does, and if the options ask for tiles that the network is not to be shown.
    """
    if card.role == "guide" and (matting.network_levels not in ("auto", 0) or matting.dense_levels):
        raise SettingsError(
            f"{card.name} is a guide: it knows pictures as a whole only, and is not shown tiles.",
            "Leave out --network-levels and --dense-levels, or choose another --model.",
        )
    if card.input.trimap is not None and matting.dense_levels:
        raise SettingsError(
            f"{card.name} is told by a trimap where the guide has nothing, so its tiles cannot add to it.",
            "Leave out --dense-levels, or choose another --model.",
        )
    tiling = tiling_of(card, matting)
    return make_plan(shape, guide_px=tiling.guide_px, tile_px=tiling.tile_px, overlap_px=tiling.overlap_px, wraps=wraps)


def _tiling(axis: Axis) -> str:
    return f"{axis.size}/{axis.block_px}/{axis.tile_px}/{axis.feather_px}"


def _flat(prefix: str, value: Any) -> dict[str, Value]:
    """Return what a dataclass holds and compares, by name, that of dataclasses in it by a name with a dot."""
    parts: dict[str, Value] = {}
    for one in fields(value):
        held = getattr(value, one.name)
        if is_dataclass(held):
            parts |= _flat(f"{prefix}{one.name}.", held)
        elif one.compare:
            parts[prefix + one.name] = _plain(held)
    return parts


def _plain(value: Any) -> Value:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
