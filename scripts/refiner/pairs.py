"""Make what the refiner learns from: for tiles of composited pictures, what it will see and what it should have said.

Every rendered subject is laid over several photographs; the engine then mattes the composite as it would a user's
picture, with the real network at a size much smaller than the picture's, and at every tile what the fuse was given is
written down. Where the network finds no person in the picture, as in most of the fur, the
base is the truth made as small and about as wrong as a network's answer.

    PYTHONPATH=scripts python -m refiner.pairs SCENES PHOTOS OUT --over 3

SCENES: what `scenes.py` made. OUT/NAME.npz holds uint8 arrays (h, w): rgb (h, w, 3), guide, tile, fused, truth.
"""

import argparse
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from detail.bench import Case, open_case, solved
from detail.doors import Remembering, truth_by_tile
from detail.methods import Alpha, Rgb, unsure
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

import tiler
from tiler.engine import on_threads
from tiler.fuse import fuse
from tiler.geometry import Box
from tiler.image.eyes import to_network
from tiler.model.session import open_session
from tiler.progress import Silent

# A base that is further from the truth than this, on average, knows nothing of the subject.
LOST = 0.08
# Tiles with fewer unsure pixels teach nothing.
LEAST_UNSURE = 2000
GAMMA = 2.2


@dataclass
class Watching:
    """The shipped fuse, which writes down what it was given."""

    seen: list[tuple[Alpha, Alpha, Rgb, Alpha]] = field(default_factory=list)

    def __call__(self, tile: Alpha, guide: Alpha, rgb: Rgb, guide_px: float, /) -> Alpha:
        fused = fuse(tile, guide, rgb, guide_px)
        self.seen.append((tile, guide, rgb, fused))
        return fused


def main() -> None:
    """Make the pairs that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--over", type=int, default=3, help="photographs to lay each subject over")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    photos = sorted(options.photos.glob("*.jpg"))
    network = Remembering(open_session(tiler.Settings(), Silent()), options.out / "answers")
    for scene in sorted(path for path in options.scenes.glob("*.png") if path.stem.isdigit()):
        for n in range(options.over):
            if (options.out / f"{scene.stem}-{n}.done").exists():
                continue
            rng = np.random.default_rng([int(scene.stem), n])
            picture = options.out / f"{scene.stem}-{n}.jpg"
            compose(rng, scene, photos, picture)
            comfort_px = int(rng.choice([64, 96, 128, 160, 192, 224]))
            case = open_case(picture, network, comfort_px, perfect=False)
            base = case.plan.levels[-1]
            small = _resized(case.truth, base.shape)
            answer = network.alpha(to_network(case.levels.read(base.index, Box.whole(base.shape))))
            if np.abs(answer - small).mean() > LOST or rng.random() < 0.15:
                case.given[base.index] = damaged(rng, small)
            for k, pair in enumerate(pairs(case, network)):
                np.savez(options.out / f"{scene.stem}-{n}-{k}.npz", allow_pickle=False, **pair)
            (options.out / f"{scene.stem}-{n}.done").touch()
            print(scene.stem, n, comfort_px, "damaged" if case.given else "real", flush=True)


def compose(rng: np.random.Generator, scene: Path, photos: list[Path], out: Path) -> None:
    """Lay the subject over a photograph and keep both, the picture and its alpha, beside each other."""
    import imagecodecs

    alpha: Alpha = imagecodecs.imread(str(scene))[..., 3].astype(np.float32) / np.float32(65535)
    colour = imagecodecs.imread(str(scene.with_name(f"{scene.stem}_colour.png"))).astype(np.float32) / np.float32(65535)
    # Noise of the few samples goes; what is left is that of a camera.
    weight = colour[..., 3:] + 1e-4
    blur = (rng.uniform(1.0, 3.0),) * 2 + (0,)
    front = ndimage.gaussian_filter(colour[..., :3] * weight, blur) / ndimage.gaussian_filter(weight, blur)
    height, width = alpha.shape
    scale = rng.uniform(0.7, 1.0)
    shape = (round(height * scale), round(width * scale))
    alpha = _resized(alpha, shape)
    front = np.stack([_resized(front[..., k], shape) for k in range(3)], -1)
    back = ground(rng, photos, shape, front, alpha)
    a = alpha[..., None]
    if rng.random() < 0.5:
        mixed = (a * front**GAMMA + (1 - a) * back**GAMMA) ** (1 / GAMMA)
    else:
        mixed = a * front + (1 - a) * back
    # Lenses, demosaicing and the resizing of photographs leave no edge as sharp as a renderer's.
    soft = rng.uniform(0, 1.5) if rng.random() < 0.85 else 0.0
    mixed, alpha = ndimage.gaussian_filter(mixed, (soft, soft, 0)), ndimage.gaussian_filter(alpha, soft)
    mixed = mixed * rng.uniform(0.75, 1.15) + rng.normal(0, rng.uniform(0, 0.008), mixed.shape)
    if rng.random() < 0.5:
        mixed = mixed[:, ::-1]
        alpha = alpha[:, ::-1]
    Image.fromarray(_bytes(mixed)).save(out, quality=int(rng.integers(82, 98)))
    Image.fromarray(_bytes(alpha)).save(out.with_name(f"{out.stem}_alpha.png"))


def ground(
    rng: np.random.Generator, photos: list[Path], shape: tuple[int, int], front: Rgb, alpha: Alpha
) -> NDArray[np.float32]:
    """Return a piece of a photograph, as sharp or blurred as it comes, sometimes tinted towards the subject."""
    with Image.open(photos[rng.integers(len(photos))]) as opened:
        photo = opened.convert("RGB")
    height, width = shape
    fits = max(width / photo.width, height / photo.height)
    zoom = fits * rng.uniform(1.0, 2.0)
    photo = photo.resize((round(photo.width * zoom) + 1, round(photo.height * zoom) + 1), Image.Resampling.BICUBIC)
    left, top = int(rng.integers(photo.width - width + 1)), int(rng.integers(photo.height - height + 1))
    photo = photo.crop((left, top, left + width, top + height))
    if rng.random() < 0.85:
        photo = photo.filter(ImageFilter.GaussianBlur(rng.uniform(1, 16)))
    back = np.asarray(photo, np.float32) / 255
    if rng.random() < 0.1:
        own = (front * alpha[..., None]).sum((0, 1)) / alpha.sum()
        back = np.clip(back + rng.uniform(0.4, 1) * (own - back.mean((0, 1))), 0, 1)
    return np.asarray(back ** rng.uniform(0.7, 1.4), np.float32)


def damaged(rng: np.random.Generator, small: Alpha) -> Alpha:
    """Return the small truth as wrong as networks are: moved by a pixel here and there, soft, thin things lost."""
    shift = [ndimage.gaussian_filter(rng.normal(0, 1, small.shape), 5) for _ in range(2)]
    shift = [s / s.std() * rng.uniform(0, 0.8) for s in shift]
    at = np.mgrid[: small.shape[0], : small.shape[1]] + np.stack(shift)
    moved = ndimage.map_coordinates(small, at, order=1, mode="nearest")
    soft = ndimage.gaussian_filter(moved, rng.uniform(0.3, 1.1))
    return np.asarray(np.clip(soft, 0, 1) ** rng.uniform(0.8, 1.5), np.float32)


def pairs(case: Case, network: Remembering) -> Iterator[dict[str, NDArray[np.uint8]]]:
    """Yield what was seen at every tile that is unsure enough, with the truth of its place."""
    watching = Watching()
    solved(case, network, watching, on_threads(1))
    truths = truth_by_tile(case.plan, case.levels, case.truth)
    for tile, guide, rgb, fused in watching.seen:
        if unsure(guide).sum() < LEAST_UNSURE:
            continue
        parts: dict[str, Alpha] = {
            "guide": guide,
            "tile": tile,
            "fused": fused,
            "truth": truths[hashlib.sha256(rgb.tobytes()).digest()],
            "rgb": rgb / np.float32(255),
        }
        yield {name: _bytes(part) for name, part in parts.items()}


def _resized(alpha: Alpha, shape: tuple[int, int]) -> Alpha:
    return np.asarray(Image.fromarray(alpha).resize((shape[1], shape[0]), Image.Resampling.BOX), np.float32)


def _bytes(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


if __name__ == "__main__":
    main()
