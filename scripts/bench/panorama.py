#!/usr/bin/env python
"""Measure how well small people are matted in a wide frame: six of them before a drawn ground of 6000 x 3000 px.

Each is cut out by the true alpha, made so high, and pasted. Printed: the mean difference from the true alpha over each
person and half of the size to either side, and how much of the ground elsewhere is taken for a person.

    python scripts/bench/panorama.py people --heights 120 240 480
    python scripts/bench/panorama.py people --heights 240 --grass grass.png     # a meadow, of scikit-image's picture
"""

import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.special import expit

import tiler
from scenes import Alpha, parser, pictures_in, read_truth, settings_of
from tiler.model.session import open_session
from tiler.progress import Silent

HEIGHT, WIDTH = 3000, 6000
CUT_PX = 600  # people are kept at this height


def main() -> int:
    """Measure and print a line for each height."""
    options = parser(__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--heights", type=int, nargs="+", default=[120, 240, 480], help="of the people, in px")
    options.add_argument("--grass", type=Path, help="a texture to tile over the lower half")
    chosen = options.parse_args()
    settings = settings_of(chosen, alpha_only=True, bits=16)
    people = [cut_out(path) for path in pictures_in([chosen.folder])[:6]]
    empty = meadow(chosen.grass) if chosen.grass else hills(1)
    with closing(open_session(settings.compute, Silent())) as network, TemporaryDirectory() as folder:
        for height in chosen.heights:
            picture, truth, boxes = scene(empty, people, height)
            path = Path(folder) / "picture.png"
            Image.fromarray(picture).save(path, compress_level=1)
            tiler.matte(path, Path(folder) / f"{height}.png", settings, model=network)
            alpha = np.asarray(np.asarray(Image.open(Path(folder) / f"{height}.png")) / 65535, np.float32)
            apart = [float(np.abs(alpha[box] - truth[box]).mean()) for box in boxes]
            elsewhere = np.ones(truth.shape, bool)
            for box in boxes:
                elsewhere[box] = False
            each = " ".join(f"{one:.4f}" for one in apart)
            ghosts = (alpha[elsewhere] > 0.5).mean()
            print(f"{height} px: mean {np.mean(apart):.4f} ({each}), elsewhere {ghosts:.4f}", flush=True)
    return 0


def scene(
    empty: NDArray[np.uint8], people: list[Alpha], height: int
) -> tuple[NDArray[np.uint8], Alpha, list[tuple[slice, slice]]]:
    """Return a picture of the people, its true alpha, and a box around each person."""
    picture, truth, boxes = empty.copy(), np.zeros((HEIGHT, WIDTH), np.float32), []
    for k, one in enumerate(people):
        person = resized(one, (round(one.shape[1] * height / one.shape[0]), height))
        width = person.shape[1]
        top, left = 1350 + (k % 3) * 150 - height // 2, 1000 * k + 500 - width // 2
        place = slice(top, top + height), slice(left, left + width)
        picture[place] = np.rint(255 * (person[..., :3] + (1 - person[..., 3:]) * picture[place] / 255.0)).clip(0, 255)
        truth[place] = person[..., 3]
        wide, high = width // 2, height // 2
        boxes.append((slice(max(0, top - high), top + height + high), slice(max(0, left - wide), left + width + wide)))
    return picture, truth, boxes


def cut_out(path: Path) -> Alpha:
    """Return the person of a picture, premultiplied, with alpha, (CUT_PX, w, 4) in 0..1."""
    rgb, alpha = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255, read_truth(path)
    sure = (alpha > 0.95).astype(np.float32)
    colours, known = rgb * sure[..., None], sure > 0
    for sigma in (2, 4, 8, 16, 32, 64):  # colours that the hair may have, from ever further inside
        weight = gaussian_filter(sure, sigma)
        near = np.stack([gaussian_filter(rgb[..., c] * sure, sigma) for c in range(3)], -1)
        found = ~known & (weight > 0.02)
        colours[found] = (near / np.maximum(weight, 1e-6)[..., None])[found]
        known |= found
    rows, cols = np.nonzero(alpha > 0.02)
    whole = np.concatenate([colours, alpha[..., None]], 2)[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    small = resized(whole, (round(whole.shape[1] * CUT_PX / whole.shape[0]), CUT_PX))
    return np.concatenate([small[..., :3] * small[..., 3:], small[..., 3:]], 2)


def resized(planes: Alpha, size: tuple[int, int]) -> Alpha:
    """Return the planes (h, w, n) at a size (width, height), in 0..1."""
    made = [Image.fromarray(np.ascontiguousarray(planes[..., k])) for k in range(planes.shape[2])]
    return np.stack([np.asarray(one.resize(size, Image.Resampling.LANCZOS)) for one in made], -1).clip(0, 1)


def hills(seed: int) -> NDArray[np.uint8]:
    """Return three ridges below a cloudy sky, (HEIGHT, WIDTH, 3)."""
    rng, y = np.random.default_rng(seed), np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    sky = np.stack([0.45 + 0.4 * y, 0.62 + 0.25 * y, 0.9 - 0.05 * y], -1)
    made = sky + 0.08 * np.clip(octaves(seed, 9, 6), 0, 2)[..., None]
    for k, (base, colour) in enumerate(
        [(0.45, (0.35, 0.45, 0.5)), (0.55, (0.28, 0.4, 0.25)), (0.68, (0.42, 0.5, 0.2))]
    ):
        ridge = Image.fromarray(rng.standard_normal((1, 10 + 8 * k)).astype(np.float32))
        line = base + 0.06 * np.asarray(ridge.resize((WIDTH, 1), Image.Resampling.BICUBIC))
        below = expit((y - line) * (HEIGHT / 3))[..., None]
        made += below * (np.array(colour) * (1 + 0.12 * octaves(seed + 50 + 10 * k, 8, 8)[..., None]) - made)
    grain = np.random.default_rng(seed + 9).normal(0, 0.012, made.shape)
    return np.asarray(np.clip(made + grain, 0, 1) * 255, np.uint8)


def octaves(seed: int, largest: int, count: int) -> Alpha:
    """Return smooth noise (HEIGHT, WIDTH), its coarsest grain 2 ** largest px, each next half of it."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for k in range(count):
        px = 2 ** (largest - k)
        small = np.random.default_rng(seed + k).standard_normal((HEIGHT // px + 4, WIDTH // px + 4))
        wide = Image.fromarray(small.astype(np.float32)).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        total += np.asarray(wide) / 2**k
    return total


def meadow(texture: Path) -> NDArray[np.uint8]:
    """Return a sky above grass: the texture, 512 px high, mirrored and tiled over the lower half."""
    with Image.open(texture) as image:
        size = round(image.width * 512 / image.height), 512
        one = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))
    row = np.concatenate([one, one[:, ::-1]], 1)
    both = np.concatenate([row, row[::-1]], 0)
    made = hills(3)
    grass = np.tile(both, (-(-HEIGHT // len(both)), -(-WIDTH // row.shape[1]), 1))[: HEIGHT // 2, :WIDTH]
    made[HEIGHT // 2 :] = np.rint(grass * np.array([0.75, 1, 0.5]))
    return made


if __name__ == "__main__":
    sys.exit(main())
