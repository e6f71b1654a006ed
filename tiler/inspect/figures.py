"""Drawings of a `Snapshot`, for notebooks: every function returns a matplotlib figure.

matplotlib comes with the extra `notebook`; nothing else in the package needs it.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tiler.core.seams import ACROSS, LIMIT, Seam
from tiler.inspect.snapshot import Snapshot, sides

# From hardly there to hard to miss; the first is pale and the last dark, so that they differ in grey as well.
HEAT = LinearSegmentedColormap.from_list("seams", ["#fde9c4", "#f6a04d", "#d1495b", "#5f0f40"])
INK, QUIET = "#3b4252", "#8b93a5"
STEPS = 255


def pair(look: Snapshot) -> Figure:
    """Draw the picture and its matte, side by side."""
    height, width = look.shape
    figure = Figure(figsize=(11, 5.5 * height / width), layout="constrained")
    for axes, view, title in zip(figure.subplots(1, 2), (look.picture, look.matte), ("picture", "matte"), strict=True):
        axes.imshow(view, cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[], title=title)
    return figure


def heat_map(look: Snapshot, *, level: int | None = None, grid: bool = False, limit: float = LIMIT) -> Figure:
    """Draw the seams over the dimmed picture, each as bright as its worst place.

    level: draw this level's seams alone; all, if None. grid: draw where the full picture's blocks meet as well.
    limit: the disagreement, in 0..1, that has the strongest colour.
    """
    height, width = look.shape
    figure = Figure(figsize=(10, 10 * height / width if width >= height else 12), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(_dimmed(look.picture), extent=(0, width, height, 0))
    if grid:
        axes.hlines(look.grid[0] * height, 0, width, colors=QUIET, linewidths=0.5)
        axes.vlines(look.grid[1] * width, 0, height, colors=QUIET, linewidths=0.5)
    chosen = [n for n, seam in enumerate(look.seams) if level is None or seam.level == level]
    # The worst come first in a look, and are to be drawn last, on top.
    worst = np.array([look.seams[n].worst for n in reversed(chosen)])
    strength = np.clip(worst / limit, 0, 1) if limit else np.ones_like(worst)
    lines = LineCollection(
        [_line(look, n) for n in reversed(chosen)],
        array=worst * STEPS,
        cmap=HEAT,
        clim=(0, limit * STEPS),
        linewidths=1 + 4 * strength,
        alpha=0.35 + 0.65 * strength if chosen else None,
        capstyle="round",
    )
    axes.add_collection(lines)
    figure.colorbar(lines, ax=axes, shrink=0.6, label="worst place, steps of 255", extend="max")
    axes.set(xlim=(0, width), ylim=(height, 0), xlabel="px", ylabel="px", title=_title(look, level))
    return figure


def worst_crops(look: Snapshot, count: int = 10) -> Figure:
    """Draw the worst places near by: picture, guide, tile before, tile after, what they were blended into."""
    crops = look.crops[:count]
    figure = Figure(figsize=(11, max(1, 2.3 * len(crops))))
    # Room for the names beside and above; a layout that is computed takes seconds for so many pictures.
    figure.subplots_adjust(
        left=0.06, right=0.99, bottom=0.01, top=1 - 0.25 / max(1, len(crops)), wspace=0.05, hspace=0.15
    )
    if not crops:
        axes = figure.add_subplot()
        axes.set_axis_off()  # a notebook does not show a figure that has no axes
        axes.text(0.5, 0.5, "No tiles disagree anywhere.", ha="center", color=INK)
        return figure
    for n, crop in enumerate(crops):
        first, second = sides(crop.seam)
        names = ("picture", "guide", f"tile {first}", f"tile {second}", "blend")
        views = (crop.picture, crop.guide, crop.before, crop.after, crop.blend)
        for k, (name, view) in enumerate(zip(names, views, strict=True)):
            axes = figure.add_subplot(len(crops), len(names), n * len(names) + k + 1)
            axes.imshow(view, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_title(name, fontsize=8, color=INK)
            axes.set(xticks=[], yticks=[])
            if k == 0:
                row, col = look.at(crop.seam)
                axes.set_ylabel(f"{crop.seam.worst * STEPS:.1f} of 255\ncol {col}, row {row}", fontsize=8, color=INK)
    return figure


def histogram(look: Snapshot, limit: float = LIMIT) -> Figure:
    """Draw how many seams have how bad a worst place, a colour for each level, and the limit."""
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.add_subplot()
    top = max([limit, *(seam.worst for seam in look.seams)]) * STEPS
    levels = sorted({seam.level for seam in look.seams})
    axes.hist(
        [[seam.worst * STEPS for seam in look.seams if seam.level == level] for level in levels] or [[]],
        bins=np.linspace(0, top, 41).tolist(),
        stacked=True,
        color=[HEAT(0.25 + 0.7 * k / max(1, len(levels) - 1)) for k in range(len(levels))] or None,
        label=[f"level {level}" for level in levels] or None,
    )
    axes.axvline(limit * STEPS, color=INK, linewidth=1)
    axes.annotate(" limit", (limit * STEPS, 1), xycoords=("data", "axes fraction"), va="top", color=INK)
    axes.set(xlabel="worst place, steps of 255", ylabel="seams")
    if levels:
        axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def mending(before: Sequence[Seam], after: Sequence[Seam]) -> Figure:
    """Draw every seam's worst place before (across) and after (up): mended ones lie below the line."""
    found = {_name(seam): seam.worst * STEPS for seam in after}
    pairs = np.array([(s.worst * STEPS, found[_name(s)]) for s in before if _name(s) in found]).reshape(-1, 2)
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    top = max(1.0, float(pairs.max(initial=0.0))) * 1.05
    axes.plot([0, top], [0, top], color=QUIET, linewidth=1)
    changed = pairs[:, 0] != pairs[:, 1]
    axes.scatter(pairs[~changed, 0], pairs[~changed, 1], s=14, color=QUIET, label=f"{(~changed).sum()} as they were")
    axes.scatter(pairs[changed, 0], pairs[changed, 1], s=22, color="#d1495b", label=f"{changed.sum()} mended")
    axes.set(xlim=(0, top), ylim=(0, top), aspect="equal")
    axes.set(xlabel="worst place before, steps of 255", ylabel="worst place after, steps of 255")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _line(look: Snapshot, n: int) -> list[tuple[float, float]]:
    """Return the two ends of a seam's line, (x, y) in pixels of the full picture."""
    height, width = look.shape
    top, bottom, left, right = look.places[n]
    if look.seams[n].across == ACROSS[0]:
        y = (top + bottom) / 2 * height
        return [(left * width, y), (right * width, y)]
    x = (left + right) / 2 % 1 * width
    return [(x, top * height), (x, bottom * height)]


def _dimmed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture in quiet greys, so that the colours are the seams'."""
    grey = picture.astype(np.float32).mean(axis=2, keepdims=True)
    return np.repeat(90 + 0.45 * grey, 3, axis=2).astype(np.uint8)


def _title(look: Snapshot, level: int | None) -> str:
    count = sum(level is None or seam.level == level for seam in look.seams)
    return f"{count} seams of {'all levels' if level is None else f'level {level}'}"


def _name(seam: Seam) -> tuple[int, str, int, int]:
    return seam.level, seam.across, seam.row, seam.col
