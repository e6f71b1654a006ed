#!/usr/bin/env python
"""How fast the tiles of a JPEG in a TIFF are checked, and how much damage is found, by libjpeg-turbo and by libvips.

Tiles are cut out of a picture and compressed as Pillow does it, in all its samplings and progressive as well. For speed
they are whole, and the decoder proper is timed beside. For damage one bit of each is flipped: a flip counts as a change
if the decoder proper gives other pixels, or none.

    python scripts/bench/jpeg_check.py examples/portrait.jpg
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from scenes import timed
from tiler.image.read.jpeg_check import turbo_warns, vips_warns

TILE_PX = 128
WARNS: dict[str, Callable[[bytes], bool]] = {"libjpeg-turbo": turbo_warns, "libvips": vips_warns}


def main() -> int:
    """Print the speeds, and how many flipped bits are found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--count", type=int, default=1500)
    options = parser.parse_args()
    streams = list(tiles(options.picture, options.count))
    runs: dict[str, Callable[[bytes], Any]] = {"the decoder proper": imagecodecs.jpeg8_decode, **WARNS}
    for name, run in runs.items():
        _, (_, spent) = timed(partial(list, map(run, streams)))
        print(f"{name}: {len(streams) * TILE_PX**2 * 3 / spent / 1e6:.0f} MB/s")
    rng = np.random.default_rng(0)
    damaged = [(stream, flipped(stream, rng)) for stream in streams]
    changes = [is_change(*pair) for pair in damaged]
    print(f"of {len(streams)} flipped bits {sum(changes)} change pixels")
    for name, warns in WARNS.items():
        found = [warns(other) for _, other in damaged]
        print(f"{name}: finds {sum(found)}, of which {sum(np.logical_and(found, changes))} change pixels")
    return 0


def tiles(path: Path, count: int) -> Iterator[bytes]:
    """Yield `count` tiles of the picture `path`, compressed; the same ones every time."""
    rng = np.random.default_rng(0)
    with Image.open(path) as image:
        picture = image.convert("RGB")
    for number in range(count):
        left, top = (int(rng.integers(side - TILE_PX)) for side in picture.size)
        file = BytesIO()
        tile = picture.crop((left, top, left + TILE_PX, top + TILE_PX))
        tile.save(file, "JPEG", quality=90, progressive=number % 5 == 0, subsampling=number % 3)
        yield file.getvalue()


def flipped(stream: bytes, rng: np.random.Generator) -> bytes:
    """Return `stream` with one bit of it, chosen by `rng`, the other way."""
    other, bit = bytearray(stream), int(rng.integers(8 * len(stream)))
    other[bit // 8] ^= 1 << bit % 8
    return bytes(other)


def is_change(stream: bytes, other: bytes) -> bool:
    """Return whether `other` decodes to other pixels than `stream`, or not at all."""
    try:
        return not np.array_equal(imagecodecs.jpeg8_decode(stream), imagecodecs.jpeg8_decode(other))
    except imagecodecs.Jpeg8Error:
        return True


if __name__ == "__main__":
    sys.exit(main())
