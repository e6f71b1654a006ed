#!/usr/bin/env python
"""Compare methods of fusing a tile with its guide, on pictures whose true alpha is known.

A folder holds NAME.jpg and NAME_alpha.png. Each method takes the place of the shipped one in the engine, at every
level; to try an idea, add it to METHODS. `truth, constrained` is the true alpha under the guide constraint: the best
that a method can do which keeps the constraint. Figures are means over the pictures, divided by those of the guide
enlarged. Half of the pictures, every other one of each folder by name, is for choosing a method, the other half for
confirming the choice.

    python scripts/bench/fusing.py people animals --half choose --methods shipped closed-form
"""

import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import thread_time

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scenes import Alpha, Opened, band_px, opened, parser, pictures_in, read_truth, take_tile, write_alpha
from tiler import metrics
from tiler.core.fusion import constrain, fuse
from tiler.core.geometry import Box
from tiler.core.guide import SATURATED
from tiler.engine.solve import Fuse, Scene, on_threads, solve
from tiler.image.colour import to_network
from tiler.model.card import ModelCard
from tiler.model.network import Network
from tiler.model.tensorflow_runtime import open_model
from tiler.settings import Settings

DIVISOR, TRUTH = "guide", "truth, constrained"
HALVES = {"choose": slice(0, None, 2), "final": slice(1, None, 2), "all": slice(None)}


class Cached:
    """A network whose answers are kept as files in a directory, float32, under the sha256 of the pixels."""

    def __init__(self, network: Network, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._network = network
        self._directory = directory

    @property
    def card(self) -> ModelCard:
        return self._network.card

    def alpha(self, rgb: NDArray[np.float32]) -> Alpha:
        path = self._directory / f"{self.card.name}-{digest(rgb)}.npy"
        if not path.exists():
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as file:
                np.save(file, self._network.alpha(rgb))
            unfinished.replace(path)
        return np.asarray(np.load(path), np.float32)


@dataclass
class Timed:
    """A method that counts its calls and their processor time."""

    fuse: Fuse
    calls: int = 0
    seconds: float = 0.0

    def __call__(self, tile_alpha: Alpha, guide: Alpha, rgb: NDArray[np.float32], guide_scale: float, /) -> Alpha:
        began = thread_time()
        alpha = self.fuse(tile_alpha, guide, rgb, guide_scale)
        self.calls += 1
        self.seconds += thread_time() - began
        return alpha


def main(argv: list[str] | None = None) -> int:
    """Print one table for each size of the guide."""
    options = parser(__doc__)
    options.add_argument("folders", nargs="+", type=Path)
    options.add_argument(
        "--methods", nargs="+", choices=[*METHODS, TRUTH], default=["tile", "colour", "shipped", TRUTH]
    )
    options.add_argument("--half", choices=list(HALVES), default="choose")
    options.add_argument("--guide-px", nargs="+", type=int, default=(512, 256, 128), help="2x, 4x, 8x for 1080 px")
    options.add_argument("--cache-dir", type=Path, default=Path("fusing-cache"), help="keeps the network's answers")
    options.add_argument("--keep", type=Path, help="keep the alphas in this directory")
    chosen = options.parse_args(argv)
    paths = [path for folder in chosen.folders for path in pictures_in([folder])[HALVES[chosen.half]]]
    names = list(dict.fromkeys([DIVISOR, *chosen.methods]))
    with closing(open_model(chosen.model)) as session:
        network = Cached(session, chosen.cache_dir)
        for guide_px in chosen.guide_px:
            rows: dict[str, list[list[float]]] = {name: [] for name in names}
            timed = {name: Timed(METHODS.get(name, METHODS[DIVISOR])) for name in names}
            for path in paths:
                with opened(path, network, Settings.of(guide_px=guide_px)) as picture:
                    truth = read_truth(path)
                    if TRUTH in timed:
                        timed[TRUTH].fuse = constrained_truth(picture, truth)
                    for name in names:
                        alpha = solved(picture.scene(name, fuse=timed[name], strict=True))
                        rows[name].append(figures(alpha, truth))
                        if chosen.keep:
                            write_alpha(alpha, chosen.keep / f"{path.stem}-{guide_px}-{name}.png")
            print(f"\nguide of {guide_px} px, {len(paths)} pictures ({chosen.half})\n")
            each_ms = {name: 1000 * one.seconds / max(one.calls, 1) for name, one in timed.items()}
            print("\n".join(table(rows, each_ms, [path.stem for path in paths])))
    return 0


def guide_enlarged(_tile: Alpha, guide: Alpha, _rgb: NDArray[np.float32], _guide_scale: float) -> Alpha:
    """Return the guide as it is: the small picture, enlarged."""
    return guide


def tile_alone(tile: Alpha, guide: Alpha, rgb: NDArray[np.float32], guide_scale: float) -> Alpha:
    """Return the tile where the guide is uncertain."""
    return np.where(uncertain(guide), take_tile(tile, guide, rgb, guide_scale), guide)


def closed_form(_tile: Alpha, guide: Alpha, rgb: NDArray[np.float32], _guide_scale: float) -> Alpha:
    """Return the guide where it is certain, and solve for the rest by closed-form matting.

    A. Levin, D. Lischinski, Y. Weiss, "A closed-form solution to natural image matting", IEEE TPAMI 30(2), 2008, as
    implemented in pymatting (`pip install pymatting`).
    """
    from pymatting import estimate_alpha_cf  # type: ignore[import-untyped, import-not-found, unused-ignore]

    unknown = uncertain(guide)
    trimap = np.where(unknown, 0.5, np.rint(guide)).astype(np.float64)
    if not unknown.any() or unknown.all():
        return guide
    alpha = estimate_alpha_cf(rgb.astype(np.float64) / 255, trimap)
    return np.asarray(np.where(unknown, np.clip(alpha, 0, 1), guide), np.float32)


def uncertain(guide: Alpha) -> NDArray[np.bool_]:
    """Return where the guide is not saturated, neither at 0 nor at 1."""
    return (guide > SATURATED) & (guide < 1 - SATURATED)


METHODS: dict[str, Fuse] = {
    "guide": guide_enlarged,
    "tile": tile_alone,
    "closed-form": closed_form,
    "shipped": fuse,
}


def digest(rgb: NDArray[np.float32]) -> str:
    """Return the sha256 of the pixels and their shape, as hexadecimal digits."""
    return sha256(repr(rgb.shape).encode() + rgb.tobytes()).hexdigest()


def constrained_truth(picture: Opened, truth: Alpha) -> Fuse:
    """Return the method that answers every tile of the picture with the truth, under the guide constraint."""
    known: dict[str, Alpha] = {}
    for level in picture.plan.levels[:-1]:
        height, width = level.shape
        small = np.asarray(Image.fromarray(truth).resize((width, height), Image.Resampling.BOX))
        for tile in level.tiles:
            box = level.read(*tile)
            known[digest(to_network(picture.pyramid.read(level.index, box)))] = small[box.slices]

    return lambda _tile, guide, rgb, guide_scale: constrain(known[digest(rgb)], guide, guide_scale)


def solved(scene: Scene) -> Alpha:
    """Return the alpha that the engine makes of a scene, (h, w) in 0..1."""
    solve(scene, on_threads(1))
    return scene.canvas.alpha(0, Box.whole(scene.plan.shapes[0]))


def figures(alpha: Alpha, truth: Alpha) -> list[float]:
    """Return MAD, MSE in the band, and Grad."""
    band = metrics.band(truth, band_px(truth.shape))
    return [metrics.mad(alpha, truth), metrics.mse(alpha, truth, band), metrics.grad(alpha, truth)]


def table(rows: dict[str, list[list[float]]], each_ms: dict[str, float], pictures: list[str]) -> Iterable[str]:
    """Yield the lines of a table: the means of the divisor as they are, those of every method divided by them."""
    yield "| | MAD | band MSE | Grad | worst MAD | its picture | ms a tile |"
    yield "|---|---|---|---|---|---|---|"
    base = np.array(rows[DIVISOR])
    means = " | ".join(f"{mean:.4g}" for mean in base.mean(axis=0))
    yield f"| {DIVISOR}, not divided | {means} | | | {each_ms[DIVISOR]:.0f} |"
    for name in [name for name in rows if name != DIVISOR]:
        ratios = " | ".join(f"{ratio:.3f}" for ratio in np.mean(rows[name], axis=0) / base.mean(axis=0))
        by_picture = np.array(rows[name])[:, 0] / base[:, 0]
        worst = int(by_picture.argmax())
        yield f"| {name} | {ratios} | {by_picture[worst]:.3f} | {pictures[worst]} | {each_ms[name]:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
