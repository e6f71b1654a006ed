"""Bring the picture and its true alpha to the sizes that are asked for, find the networks, and print where all lies.

Both are resized by the same cubic kernel. A picture that is enlarged has no finer hair than the original: its size
tells of work and memory, and its errors are those of an unsharp photograph.
"""

import json
import sys
from math import sqrt
from pathlib import Path

import pyvips

from tiler.model.card import find_card
from tiler.model.hub import find_graph
from tiler.progress import Silent
from tiler.report import machine


def main(picture: str, truth: str, work: str, *megapixels: str) -> None:
    """Make the scenes that are not there; tiled TIFF, deflated."""
    scenes = {size: make(Path(picture), Path(truth), Path(work) / "scenes", float(size)) for size in megapixels}
    home = Path(work) / "u2net"
    home.mkdir(exist_ok=True)
    link = home / "u2netp.onnx"
    link.unlink(missing_ok=True)
    link.symlink_to(find_graph(find_card("u2netp"), Silent()))
    graph = find_graph(find_card("modnet-onnx"), Silent())
    found = {f"{float(size):g}": str(folder) for size, folder in scenes.items()}
    print(json.dumps({"machine": machine(), "scenes": found, "graph": str(graph), "u2net_home": str(home)}))


def make(picture: Path, truth: Path, home: Path, megapixels: float) -> Path:
    """Return the folder with picture.tif and alpha.tif at a size of so many millions of pixels."""
    folder = home / f"{picture.stem}-{megapixels:g}"
    folder.mkdir(parents=True, exist_ok=True)
    for path, name in ((picture, "picture"), (truth, "alpha")):
        target, part = folder / f"{name}.tif", folder / f"{name}.part.tif"
        if target.exists():
            continue
        image = pyvips.Image.new_from_file(str(path))
        image = image[0] if name == "alpha" else image.colourspace("srgb")[:3]
        scale = sqrt(megapixels * 1e6 / (image.width * image.height))
        image = image.resize(scale, kernel="cubic")
        image.tiffsave(
            str(part), tile=True, tile_width=512, tile_height=512, compression="deflate", predictor="horizontal",
            bigtiff=True, strip=True,
        )  # fmt: skip
        part.rename(target)
    return folder


if __name__ == "__main__":
    main(*sys.argv[1:])
