#!/usr/bin/env python
"""Make a picture of any size, with people in it of several sizes, whose true alpha is known.

Everyone is drawn by formula at the size needed: a figure of smooth outlines, with strands of hair a fraction of a
millimetre thick, before a wall with a grain. So nothing is enlarged, and every pixel's alpha is exact before it is
rounded to 8 bits. The files are written tile by tile; memory does not grow with the picture. The same seed and size
give the same bytes.

  python scripts/make_scene.py FOLDER                        # 40000 x 25000 px: picture.tif and alpha.tif
  python scripts/make_scene.py FOLDER --width 8000 --height 5000 --people 3 --seed 7
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Colour = tuple[int, int, int]

TILE_PX = 512
# Lengths of a figure are in heads: the height of its head. Hair is 0.0006 of a head thick, near enough as in life.
FIGURE_HEADS = 7.5
HAIR_HEADS = 0.0006
STRANDS = 2400
REACH_HEADS = 1.5
NOTHING = np.zeros((1, 1), np.float32)


@dataclass(frozen=True)
class Person:
    """One figure: `head_px` pixels to the height of its head, its crown at (top_px, middle_px); colours 0..255."""

    top_px: float
    middle_px: float
    head_px: float
    skin: Floats
    clothes: Floats
    hair: Floats
    strands: "Strands"


@dataclass(frozen=True)
class Strands:
    """Hair, one entry a strand, in heads: from (top, root) down to `end`, drifting sideways in a wave."""

    top: Floats
    end: Floats
    root: Floats
    drift: Floats
    wave: Floats
    phase: Floats
    shade: Floats

    @staticmethod
    def grown(random: np.random.Generator, count: int) -> "Strands":
        """Return `count` strands that grow from all around the crown and fall to the shoulders or stray."""
        side = random.uniform(-1, 1, count)
        top = 0.42 - 0.5 * np.sqrt(1 - side**2) + random.uniform(0, 0.1, count)
        stray = random.random(count) ** 3
        columns = (
            top,
            top + random.uniform(0.5, 1.3, count) * (0.4 + 0.6 * np.abs(side)),
            side * 0.4,
            side * (0.1 + 0.75 * stray) + random.normal(0, 0.05, count),
            random.uniform(0.003, 0.03, count),
            random.uniform(0, 6.28, count),
            random.uniform(0.7, 1.3, count),
        )
        return Strands(*(column.astype(np.float32) for column in columns))


@dataclass(frozen=True)
class Scene:
    """A frame of (height, width) pixels, the people in it from the farthest to the nearest, and the wall's grain."""

    shape: tuple[int, int]
    people: tuple[Person, ...]
    grains: tuple[Floats, ...]


def main() -> int:
    """Write picture.tif and alpha.tif and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=40_000, help="pixels (40000)")
    parser.add_argument("--height", type=int, default=25_000, help="pixels (25000)")
    parser.add_argument("--people", type=int, default=5, help="how many (5)")
    parser.add_argument("--seed", type=int, default=1, help="another scene of the same kind (1)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    scene = make_scene((options.height, options.width), options.people, options.seed)
    for name in ("picture", "alpha"):
        began = perf_counter()
        write(options.folder / f"{name}.tif", scene, alpha_alone=name == "alpha")
        print(f"{options.folder / name}.tif: {options.width} x {options.height} px, {perf_counter() - began:.0f} s")
    return 0


def make_scene(shape: tuple[int, int], people: int, seed: int) -> Scene:
    """Return the scene of `people` persons in a frame of `shape` pixels that the number `seed` stands for.

    The first is a portrait, cut by the lower edge, with a head a third of the frame high; each next is smaller, down
    to whole figures that stand a third of the frame high. They stand in places of their own, left to right.
    """
    height, width = shape
    random = np.random.default_rng(seed)
    places = (np.arange(people) + random.uniform(0.4, 0.6, people)) / people * width
    heads = height * 0.33 * 0.6 ** np.arange(people)
    heads = np.minimum(np.maximum(heads, height * 0.045), width / people / 2.4)
    crowd = []
    for place, head_px in zip(random.permutation(places), heads, strict=True):
        whole = FIGURE_HEADS * head_px < height * 0.7
        top = height * 0.9 - FIGURE_HEADS * head_px if whole else height * random.uniform(0.12, 0.2)
        crowd.append(
            Person(
                top,
                place,
                head_px,
                _between_colours(random, (120, 78, 58), (238, 196, 172)),
                _between_colours(random, (45, 50, 70), (170, 60, 50)),
                _between_colours(random, (28, 18, 12), (160, 110, 60)),
                Strands.grown(random, STRANDS),
            )
        )
    # Sides without a common divisor: together the grains repeat only after half a million pixels.
    grains = tuple(random.normal(0, 1, (side, side)).astype(np.float32) for side in (701, 769))
    return Scene(shape, tuple(reversed(crowd)), grains)


def _between_colours(random: np.random.Generator, dark: Colour, light: Colour) -> Floats:
    return np.asarray(
        np.array(dark, np.float32) + random.random() * (np.array(light, np.float32) - np.array(dark, np.float32)),
        np.float32,
    )


def write(path: Path, scene: Scene, *, alpha_alone: bool) -> None:
    """Write the scene, or its alpha in grey, as a tiled TIFF, one tile in memory at a time."""
    height, width = scene.shape
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(
            tiles(scene, alpha_alone=alpha_alone),
            shape=scene.shape if alpha_alone else (height, width, 3),
            dtype=np.uint8,
            tile=(TILE_PX, TILE_PX),
            photometric="minisblack" if alpha_alone else "rgb",
            compression="zlib",
            compressionargs={"level": 1},
            predictor=True,
            maxworkers=1,
            metadata=None,
        )


def tiles(scene: Scene, *, alpha_alone: bool) -> Iterator[NDArray[np.uint8]]:
    """Yield the tiles of a TIFF, row by row, (512, 512, 3) or (512, 512); pixels beyond the frame are drawn as well."""
    height, width = scene.shape
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            rgb, alpha = draw(scene, top, left)
            pixels = alpha * 255 if alpha_alone else rgb
            yield np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)


def draw(scene: Scene, top: int, left: int) -> tuple[Floats, Floats]:
    """Return the (512, 512, 3) colours, 0..255, and the (512, 512) alpha of the tile whose first pixel is given."""
    y = np.arange(top, top + TILE_PX, dtype=np.float32)[:, None] + np.float32(0.5)
    x = np.arange(left, left + TILE_PX, dtype=np.float32)[None, :] + np.float32(0.5)
    rgb = _wall(scene, top, left)
    clear = np.ones((TILE_PX, TILE_PX), np.float32)
    for person in scene.people:
        rows = (y[:, 0] - np.float32(person.top_px)) / np.float32(person.head_px)
        cols = (x[0] - np.float32(person.middle_px)) / np.float32(person.head_px)
        beside = cols[0] > REACH_HEADS or cols[-1] < -REACH_HEADS
        if beside or rows[0] > FIGURE_HEADS + 0.1 or rows[-1] < -0.3:
            continue
        for cover, colour in _layers(person, rows[:, None], cols[None, :]):
            if cover.any():
                rgb += (colour - rgb) * cover[..., None]
                clear *= 1 - cover
    return rgb, 1 - clear


def _wall(scene: Scene, top: int, left: int) -> Floats:
    """Return the background: a soft light on a wall with a fine and a coarse grain."""
    height, width = scene.shape
    rows, cols = np.arange(top, top + TILE_PX), np.arange(left, left + TILE_PX)
    fine, coarse = scene.grains
    grain = fine[np.ix_(rows % len(fine), cols % len(fine))] * np.float32(2.5)
    grain += coarse[np.ix_(rows // 5 % len(coarse), cols // 5 % len(coarse))] * np.float32(3.5)
    light = np.cos((rows[:, None] / height - 0.35) * 1.6) * np.cos((cols[None, :] / width - 0.5) * 1.8)
    return np.asarray(
        (light.astype(np.float32) * 130 + grain)[..., None] * np.array([0.85, 0.98, 1.1], np.float32), np.float32
    )


def _layers(person: Person, y: Floats, x: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Yield (coverage 0..1, colour) of what a figure is made of, from back to front; y (h, 1) and x (1, w) in heads."""
    px = np.float32(person.head_px)
    crown = _ellipse(y, x, 0.42, 0.0, 0.5, 0.42, px)
    yield crown, person.hair * np.float32(0.8)
    neck = _between(y, 0.8, 1.3, px) * _inside(x, 0.19 + 0 * y, px)
    yield neck, person.skin * np.float32(0.8)
    shoulders = np.where(y < 3.6, 0.2 + 0.72 * _smooth((y - 1.12) / 0.45) - 0.12 * _smooth((y - 1.6) / 2), 0)
    cloth = person.clothes * (1 + 0.12 * np.sin(y * 9 + x * 7) * np.sin(x * 23))[..., None]
    yield _between(y, 1.12, 3.6, px) * _inside(x, shoulders, px), cloth
    leg = 0.36 - 0.14 * _smooth((y - 3.5) / 3)
    for side in (-0.37, 0.37):
        legs = _between(y, 3.5, FIGURE_HEADS, px) * _inside(x - np.float32(side), leg, px)
        yield legs, person.clothes * np.float32(0.55)
    shade = (1.08 - 0.9 * x * x - 0.25 * (y - 0.45) ** 2 + 0.08 * x).astype(np.float32)
    yield _ellipse(y, x, 0.52, 0.0, 0.48, 0.36, px), person.skin * shade[..., None]
    for side in (-0.14, 0.14):
        yield _ellipse(y, x, 0.5, side, 0.03, 0.06, px), np.array([245, 242, 238], np.float32)
        yield _ellipse(y, x, 0.5, side, 0.028, 0.028, px), np.array([50, 35, 25], np.float32)
        yield _ellipse(y, x, 0.42, side, 0.014, 0.085, px), person.hair
    yield _ellipse(y, x, 0.66, 0.0, 0.03, 0.055, px), person.skin * np.float32(0.72)
    yield _ellipse(y, x, 0.79, 0.0, 0.028, 0.11, px), np.array([165, 75, 75], np.float32)
    yield _ellipse(y, x, 0.12, 0.0, 0.2, 0.36, px), person.hair
    if y[0, 0] < 2.2:
        yield from _hair(person, y, x)


def _hair(person: Person, y: Floats, x: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Yield the coverage and colour of all strands together in a tile.

    A strand is a curve x(y). In a row it covers the pixels nearer to the curve than half its thickness, more pixels
    where it is slanted, each for the part that lies under it; two strands let through what each lets through.
    """
    hair, px = person.strands, np.float32(person.head_px)
    near = (hair.top < y[-1, 0]) & (hair.end > y[0, 0])
    top, end, root, drift, wave, phase, shade = (
        column[near][:, None]
        for column in (hair.top, hair.end, hair.root, hair.drift, hair.wave, hair.phase, hair.shade)
    )
    rows = y[:, 0][None, :]
    t = np.clip((rows - top) / (end - top), 0, 1)
    at = root + drift * t * t + wave * np.sin(phase + 7 * t) * t
    slope = (drift * 2 * t + wave * (7 * np.cos(phase + 7 * t) * t + np.sin(phase + 7 * t))) / (end - top)
    half_px = np.float32(HAIR_HEADS / 2) * px * (1 - 0.7 * t) * np.sqrt(1 + slope * slope)
    centre_px = (at - x[0, 0]) * px + np.float32(0.5)
    reach = int(np.ceil(half_px.max(initial=0))) + 1
    here = (rows >= top) & (rows <= end) & (centre_px > -reach) & (centre_px < TILE_PX + reach)
    strand, row = np.nonzero(here)
    centre, half, tone = centre_px[here], half_px[here], shade[strand, 0]
    seen = np.zeros(TILE_PX * TILE_PX)
    toned = np.zeros(TILE_PX * TILE_PX)
    for step in range(-reach, reach + 1):
        pixel = np.floor(centre).astype(np.int64) + step
        cover = np.clip(np.minimum(pixel + 1, centre + half) - np.maximum(pixel, centre - half), 0, 1)
        inside = (pixel >= 0) & (pixel < TILE_PX) & (cover > 0)
        flat = row[inside] * TILE_PX + pixel[inside]
        blocked = -np.log1p(-np.minimum(cover[inside], 0.999))
        seen += np.bincount(flat, blocked, seen.size)
        toned += np.bincount(flat, blocked * tone[inside], seen.size)
    cover = (1 - np.exp(-seen)).astype(np.float32).reshape(TILE_PX, TILE_PX)
    tones = (toned / np.maximum(seen, 1e-9)).astype(np.float32).reshape(TILE_PX, TILE_PX)
    yield cover, tones[..., None] * person.hair


def _ellipse(y: Floats, x: Floats, mid_y: float, mid_x: float, tall: float, wide: float, px: np.float32) -> Floats:
    """Return how much of each pixel lies in an ellipse, by the distance to its edge to first order."""
    v, u = (y - np.float32(mid_y)) / np.float32(tall), (x - np.float32(mid_x)) / np.float32(wide)
    if np.abs(v).min() > 1.1 or np.abs(u).min() > 1.1:
        return NOTHING
    radius = np.sqrt(v * v + u * u)
    steep = np.sqrt((v / np.float32(tall)) ** 2 + (u / np.float32(wide)) ** 2) / np.maximum(radius, np.float32(1e-6))
    return np.asarray(np.clip((1 - radius) / np.maximum(steep, np.float32(1e-6)) * px + np.float32(0.5), 0, 1))


def _inside(x: Floats, half: Floats, px: np.float32) -> Floats:
    if np.abs(x).min() > half.max() + 1 / px:
        return NOTHING
    return np.asarray(np.clip((half - np.abs(x)) * px + np.float32(0.5), 0, 1).astype(np.float32))


def _between(y: Floats, first: float, last: float, px: np.float32) -> Floats:
    return np.asarray(np.clip(np.minimum(y - np.float32(first), np.float32(last) - y) * px + np.float32(0.5), 0, 1))


def _smooth(t: Floats) -> Floats:
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


if __name__ == "__main__":
    sys.exit(main())
