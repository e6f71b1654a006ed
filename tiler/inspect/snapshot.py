"""What a person is shown of a run: the picture small, its matte, where the seams are, and the worst of them near by.

A handful of small arrays: figures and pages need nothing else, neither the picture nor its network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.atomic import atomic_file
from tiler.core.geometry import Box, Span
from tiler.core.seams import Judgement, Seam, from_rows, to_rows
from tiler.errors import InputError

Shades = NDArray[np.uint8]

STEPS = 255
PARTS = ("picture", "guide", "before", "after", "blend")


@dataclass(frozen=True, eq=False)
class Crop:
    """A close-up of the worst place of `seam`, where both tiles saw the picture.

    box: in pixels of the level. picture: (h, w, 3); guide, before, after and blend: (h, w) alpha, 255 = foreground;
    all uint8. before is the tile above or left of the line, after the one below or right of it.
    """

    seam: Seam
    box: Box
    picture: Shades
    guide: Shades
    before: Shades
    after: Shades
    blend: Shades


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run, small enough to be shown.

    shape: (height, width) of the full picture. levels: (height, width) of every level, the full picture first.
    picture: (h, w, 3) and matte: (h, w), 255 = foreground, uint8, one size. seams: of all levels,
    the worst first. places: (seams, 4) float, top, bottom, left and right of each overlap as parts of the picture's
    height and width, 0..1; beyond it around the join of a panorama. grid: the lines between the full picture's
    blocks, (horizontal ones, vertical ones), likewise 0..1. crops: the worst places, worst first.
    """

    shape: tuple[int, int]
    levels: tuple[tuple[int, int], ...]
    picture: Shades
    matte: Shades
    seams: tuple[Seam, ...]
    places: NDArray[np.float64]
    grid: tuple[NDArray[np.float64], NDArray[np.float64]]
    crops: tuple[Crop, ...]

    def at(self, seam: Seam) -> tuple[int, int]:
        """Return (row, column) of the worst place of `seam` in pixels of the full picture."""
        return at(seam, self.levels)

    def tell(self, judged: Judgement) -> str:
        """Return in lines for a terminal what was judged, and where the worst places are."""
        return tell(judged, self.levels)


def at(seam: Seam, levels: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return (row, column) of the worst place of `seam` in pixels of the full picture, the first of the `levels`."""
    height, width = levels[seam.level]
    return int((seam.worst_row + 0.5) * levels[0][0] / height), int((seam.worst_col + 0.5) * levels[0][1] / width)


def tell(judged: Judgement, levels: Sequence[tuple[int, int]]) -> str:
    """Return in lines for a terminal what was judged, and where the worst places are.

    levels: (height, width) of every level, the full picture first.
    """
    if not judged.count:
        return "No two tiles meet: there are no seams."
    lines = [
        f"{judged.count} seams, mean disagreement {judged.mean * STEPS:.2f} of 255; "
        f"{judged.above} above the limit of {judged.limit * STEPS:.1f}.",
        "",
        "of 255    column       row  level  between",
    ]
    for seam in judged.worst:
        row, col = at(seam, levels)
        tiles = " and ".join(f"({i}, {j})" for i, j in seam.tiles)
        lines.append(f"{seam.worst * STEPS:6.1f}  {col:8}  {row:8}  {seam.level:5}  tiles {tiles}")
    return "\n".join(lines)


def sides(seam: Seam) -> tuple[str, str]:
    """Return where the two tiles of `seam` lie, seen from its line."""
    return ("above", "below") if seam.across == "rows" else ("left", "right")


def save(look: Snapshot, path: Path) -> None:
    """Write `look` into the file `path`, an .npz of plain arrays; complete or not at all.

    Raises OutputError if the disk refuses.
    """
    arrays: dict[str, NDArray[Any]] = {
        "shape": np.array(look.shape),
        "levels": np.array(look.levels),
        "picture": look.picture,
        "matte": look.matte,
        "seams": to_rows(look.seams),
        "places": look.places,
        "grid_rows": look.grid[0],
        "grid_cols": look.grid[1],
        "crop_seams": to_rows(crop.seam for crop in look.crops),
        "crop_boxes": np.array([_corners(crop.box) for crop in look.crops], np.int64).reshape(-1, 4),
    }
    crops: dict[str, NDArray[Any]] = {
        f"{part}_{n}": getattr(crop, part) for n, crop in enumerate(look.crops) for part in PARTS
    }
    with atomic_file(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays, **crops)


def load(path: Path) -> Snapshot:
    """Return the look that `save` wrote.

    Raises InputError if there is none.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            held = {name: stored[name] for name in stored.files}
            seams = from_rows(held["crop_seams"])
            boxes = [
                Box(Span(top, bottom), Span(left, right)) for top, bottom, left, right in held["crop_boxes"].tolist()
            ]
            crops = [
                Crop(seam, box, *(held[f"{part}_{n}"] for part in PARTS))
                for n, (seam, box) in enumerate(zip(seams, boxes, strict=True))
            ]
            height, width = held["shape"].tolist()
            return Snapshot(
                shape=(height, width),
                levels=tuple((h, w) for h, w in held["levels"].tolist()),
                picture=held["picture"],
                matte=held["matte"],
                seams=from_rows(held["seams"]),
                places=held["places"],
                grid=(held["grid_rows"], held["grid_cols"]),
                crops=tuple(crops),
            )
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: this is not what a run keeps of its seams.",
            "Name a file that `tiler matte --snapshot` has written.",
        ) from error


def _corners(box: Box) -> tuple[int, int, int, int]:
    return box.rows.start, box.rows.stop, box.cols.start, box.cols.stop
