"""What a person is shown of a run: the small picture, its matte, where the seams are, and close-ups of the worst.

A snapshot is a handful of small arrays. Figures and the HTML report need no more than that: neither the full picture
nor its network.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.atomic import atomic_file
from tiler.core.doubt import Place
from tiler.core.geometry import Box, Span
from tiler.core.seams import Judgement, Seam, from_rows, to_rows
from tiler.errors import InputError

Uint8 = NDArray[np.uint8]
Point = tuple[float, float]

# Disagreement is in 0..1 in all values, and is shown to people in steps of an 8-bit alpha.
STEPS = 255
PARTS = ("picture", "guide", "before", "after", "blend")


@dataclass(frozen=True, eq=False)
class Crop:
    """A close-up of the worst place of `seam`, cut from where both tiles saw the picture.

    box: in pixels of the level. picture: (h, w, 3) RGB; guide, before, after and blend: (h, w) alpha, 255 = foreground;
    all uint8. before is the tile above or left of the seam, after the tile below or right of it.
    """

    seam: Seam
    box: Box
    picture: Uint8
    guide: Uint8
    before: Uint8
    after: Uint8
    blend: Uint8

    @property
    def views(self) -> tuple[tuple[str, Uint8], ...]:
        """Return (name, pixels) of every view, in the order in which they are shown."""
        first, second = ("above", "below") if self.seam.across == "rows" else ("left", "right")
        return (
            ("picture", self.picture),
            ("guide", self.guide),
            (f"tile {first}", self.before),
            (f"tile {second}", self.after),
            ("blend", self.blend),
        )


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run, small enough to be shown.

    shape: (height, width) of the full picture. levels: (height, width) of every level, the full picture first.
    picture: (h, w, 3) RGB and matte: (h, w), 255 = foreground; both uint8 and of one size. seams: of all levels, the
    worst first. places: (seams, 4) float64, the top, bottom, left and right edge of each overlap as fractions of the
    picture's height and width, 0..1; outside of 0..1 where an overlap reaches around the join of a panorama. grid:
    where the blocks of the full picture meet, (horizontal lines, vertical lines), fractions as well. crops: close-ups
    of the worst seams, the worst first. look_here: the most doubtful places, in pixels of the full picture, the worst
    first.
    """

    shape: tuple[int, int]
    levels: tuple[tuple[int, int], ...]
    picture: Uint8
    matte: Uint8
    seams: tuple[Seam, ...]
    places: NDArray[np.float64]
    grid: tuple[NDArray[np.float64], NDArray[np.float64]]
    crops: tuple[Crop, ...]
    look_here: tuple[Place, ...] = ()

    def full_position(self, seam: Seam) -> tuple[int, int]:
        """Return (row, column) of the worst place of `seam` in pixels of the full picture."""
        return full_position(seam, self.levels)

    def summary(self, judged: Judgement) -> str:
        """Return `judged` as lines for a terminal: the verdict, then a table of the worst places."""
        return summary(judged, self.levels)

    def line(self, index: int) -> tuple[Point, Point]:
        """Return both ends of the line of `seams[index]` as (x, y), fractions of the picture's width and height.

        The line is the middle of the overlap.
        """
        top, bottom, left, right = self.places[index].tolist()
        if self.seams[index].across == "rows":
            y = (top + bottom) / 2
            return (left, y), (right, y)
        x = (left + right) / 2 % 1
        return (x, top), (x, bottom)


def full_position(seam: Seam, levels: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return (row, column) of the worst place of `seam` in pixels of the full picture.

    levels: (height, width) of every level, the full picture first.
    """
    height, width = levels[seam.level]
    return int((seam.worst_row + 0.5) * levels[0][0] / height), int((seam.worst_col + 0.5) * levels[0][1] / width)


def summary(judged: Judgement, levels: Sequence[tuple[int, int]]) -> str:
    """Return `judged` as lines for a terminal: the verdict, then a table of the worst places.

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
        row, col = full_position(seam, levels)
        tiles = " and ".join(f"({i}, {j})" for i, j in seam.tiles)
        lines.append(f"{seam.worst * STEPS:6.1f}  {col:8}  {row:8}  {seam.level:5}  tiles {tiles}")
    return "\n".join(lines)


def save(snapshot: Snapshot, path: Path) -> None:
    """Write `snapshot` into the file `path`, an .npz of plain arrays; complete or not at all.

    Raises OutputError if the file cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {
        "shape": np.array(snapshot.shape),
        "levels": np.array(snapshot.levels),
        "picture": snapshot.picture,
        "matte": snapshot.matte,
        "seams": to_rows(snapshot.seams),
        "places": snapshot.places,
        "grid_rows": snapshot.grid[0],
        "grid_cols": snapshot.grid[1],
        "crop_seams": to_rows(crop.seam for crop in snapshot.crops),
        "crop_boxes": np.array([_corners(crop.box) for crop in snapshot.crops], np.int64).reshape(-1, 4),
    }
    arrays["look_here"] = np.array([astuple(place) for place in snapshot.look_here], np.float64).reshape(-1, 5)
    crops: dict[str, NDArray[Any]] = {
        f"{part}_{n}": getattr(crop, part) for n, crop in enumerate(snapshot.crops) for part in PARTS
    }
    with atomic_file(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays, **crops)


def load(path: Path) -> Snapshot:
    """Return the snapshot that `save` wrote into the file `path`.

    Raises InputError if the file is missing or is no snapshot.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
            seams = from_rows(arrays["crop_seams"])
            boxes = [
                Box(Span(top, bottom), Span(left, right)) for top, bottom, left, right in arrays["crop_boxes"].tolist()
            ]
            crops = [
                Crop(seam, box, *(arrays[f"{part}_{n}"] for part in PARTS))
                for n, (seam, box) in enumerate(zip(seams, boxes, strict=True))
            ]
            height, width = arrays["shape"].tolist()
            return Snapshot(
                shape=(height, width),
                levels=tuple((h, w) for h, w in arrays["levels"].tolist()),
                picture=arrays["picture"],
                matte=arrays["matte"],
                seams=from_rows(arrays["seams"]),
                places=arrays["places"],
                grid=(arrays["grid_rows"], arrays["grid_cols"]),
                crops=tuple(crops),
                look_here=tuple(
                    Place(int(left), int(top), int(width), int(height), doubt)
                    for left, top, width, height, doubt in arrays["look_here"].tolist()
                ),
            )
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: this is not a snapshot of a run.", "Name a file that `tiler matte --snapshot` has written."
        ) from error


def _corners(box: Box) -> tuple[int, int, int, int]:
    return box.rows.start, box.rows.stop, box.cols.start, box.cols.stop
