"""What the measurements share: pictures with their true alpha, and scenes for the engine, in scratch files."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tiler.core.fusion import fuse
from tiler.core.plan import Plan
from tiler.engine.scene import Scene
from tiler.image.open import open_source
from tiler.image.pyramid import Pyramid, build
from tiler.model.network import Network
from tiler.model.views import View, views_of
from tiler.progress import Silent
from tiler.recipe import plan_for, tiling_of
from tiler.settings import Precision, Settings
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal

Answer = TypeVar("Answer")
Alpha = NDArray[np.float32]
# What is measured of each way to matte a picture: way -> name -> figure.
Figures = dict[str, dict[str, float]]

NUMBERS = ("guide_px", "tile_px", "overlap_px", "network_levels")
SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
# The band reaches 1 % of the short side beyond an edge of the truth, as far as trimaps usually draw hair.
BAND_OF_SHORT_SIDE = 0.01


def parser(description: str | None, *numbers: str) -> argparse.ArgumentParser:
    """Return a parser that shows `description` as it is written, with the network and numbers as for `tiler matte`."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--model", default="modnet", help="as for tiler matte")
    made.add_argument("--precision", choices=get_args(Precision), default="auto", help="as for tiler matte")
    for name in numbers:
        made.add_argument(f"--{name}", type=int, help="as for tiler matte")
    return made


def settings_of(options: argparse.Namespace, **others: Any) -> Settings:
    """Return the settings that the options of `parser` and `others` ask for."""
    given = {name: value for name in NUMBERS if (value := getattr(options, name, None)) is not None}
    return Settings.of(model=options.model, precision=options.precision, **given | others)


def figures_by_picture(paths: Sequence[Path], measure: Callable[[Path], Figures]) -> dict[str, Figures]:
    """Return what `measure` gives for every picture, by path; says on stderr which picture it is at."""
    found = {}
    for number, path in enumerate(paths, 1):
        print(f"{number} of {len(paths)}: {path.name}", file=sys.stderr)
        found[str(path)] = measure(path)
    return found


def timed(run: Callable[[], Answer]) -> tuple[Answer, tuple[float, float]]:
    """Return what `run` returns, and the seconds it took: by the clock, and of all processors."""
    began, spent = perf_counter(), process_time()
    found = run()
    return found, (perf_counter() - began, process_time() - spent)


def truth_path(path: Path) -> Path:
    """Return where the true alpha of the picture `path` lies, NAME_alpha.png beside it."""
    return path.with_name(f"{path.stem}_alpha.png")


def read_truth(path: Path) -> Alpha:
    """Return the true alpha of the picture `path`, (h, w) in 0..1."""
    with Image.open(truth_path(path)) as image:
        return np.asarray(image.convert("L"), np.float32) / np.float32(255)


def write_alpha(alpha: Alpha, path: Path) -> None:
    """Write an alpha as a PNG of 8 bits; its directory is made if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(alpha * 255).astype(np.uint8)).save(path)


def band_px(shape: tuple[int, ...]) -> int:
    """Return the margin of the band for a picture of `shape`, in pixels."""
    return max(1, round(BAND_OF_SHORT_SIDE * min(shape)))


def pictures_in(folders: Sequence[Path], *, with_truth: bool = True) -> list[Path]:
    """Return the pictures of each folder by name, with_truth: those alone that have a true alpha.

    Raises SystemExit if there are none.
    """
    found = [
        path
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and not path.stem.endswith("_alpha")
        if truth_path(path).exists() or not with_truth
    ]
    if not found:
        wanted = "NAME.jpg with a NAME_alpha.png" if with_truth else "picture"
        raise SystemExit(f"There is no {wanted} in {', '.join(map(str, folders))}.")
    return found


def take_tile(
    tile_alpha: Alpha | None, guide: Alpha, _rgb: Alpha, _guide_scale: float, _spread: Alpha | None, _noise: float, /
) -> Alpha:
    """Return the alpha of the tile as the network gave it, or the guide where it gave none: no fusing."""
    return guide if tile_alpha is None else tile_alpha


@dataclass(frozen=True)
class Opened:
    """A picture that is open, with its plan and pyramid; `folder` holds the scratch files."""

    plan: Plan
    pyramid: Pyramid
    network: Network
    folder: Path
    views: tuple[View, ...]

    def scene(self, name: str = ".", **changes: Any) -> Scene:
        """Return a scene with a canvas and a journal in the directory `name` of the folder.

        changes: fields of `Scene` that differ from those of a run.
        """
        home, plan = self.folder / name, changes.pop("plan", self.plan)
        canvas, journal = Canvas(home / "canvas", plan), Journal(home / "journal")
        scene = Scene(plan, self.pyramid, self.network, fuse, canvas, journal, Silent())
        return replace(scene, **{"views": self.views} | changes)


@contextmanager
def opened(path: Path, network: Network, settings: Settings) -> Iterator[Opened]:
    """Give the picture `path`, planned for `network` and `settings`; all scratch files are removed at the end."""
    with closing(open_source(path)) as source, TemporaryDirectory() as folder:
        plan = plan_for(source.shape, network.card, settings.matting)
        pyramid = build(source, plan.shapes, Path(folder) / "pyramid", Silent())
        guide_px = tiling_of(network.card, settings.matting).guide_px
        views = views_of(network.card, guide_px, settings.matting.views)
        yield Opened(plan, pyramid, network, Path(folder), views)
