"""Load a `Snapshot` and draw it, for notebooks: every function but `load` returns a matplotlib figure.

matplotlib comes with the extra `notebook`; the rest of the package does not need it.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tiler.core.seams import LIMIT, Seam
from tiler.inspect.laid import front, laid
from tiler.inspect.snapshot import STEPS, Snapshot, Uint8, load

__all__ = ["heat_map", "histogram", "load", "look_here", "on_backgrounds", "pair", "repair", "worst_crops"]

# Pale for a seam that cannot be seen, dark for one that can: luminance falls all the way, so a grey print shows it too.
SEAM_COLOURS = LinearSegmentedColormap.from_list("seams", ["#fde9c4", "#f6a04d", "#d1495b", "#5f0f40"])
INK, QUIET, STRONG = "#3b4252", "#8b93a5", "#d1495b"


def pair(snapshot: Snapshot) -> Figure:
    """Draw the picture and its matte, side by side."""
    height, width = snapshot.shape
    figure = Figure(figsize=(11, 5.5 * height / width), layout="constrained")
    views = (("picture", snapshot.picture), ("matte", snapshot.matte))
    for axes, (name, view) in zip(figure.subplots(1, 2), views, strict=True):
        _show(axes, view)
        axes.set_title(name, color=INK)
    return figure


def on_backgrounds(snapshot: Snapshot, *backgrounds: str | Uint8) -> Figure:
    """Draw the cutout over backgrounds, side by side, in the foreground's own colours.

    backgrounds: colours, as their names in CSS or #rrggbb, and pictures, (h, w, 3) uint8, which are scaled until they
    cover the frame; white, black and green, if none are given.
    """
    shown = backgrounds or ("white", "black", "#00b140")
    height, width = snapshot.shape
    figure = Figure(figsize=(11, 11 / len(shown) * height / width + 0.3), layout="constrained")
    foreground = front(snapshot)
    for axes, background in zip(np.ravel(figure.subplots(1, len(shown))), shown, strict=True):
        _show(axes, laid(snapshot, foreground, background))
        axes.set_title(f"on {background}" if isinstance(background, str) else "on a picture", color=INK)
    return figure


def heat_map(snapshot: Snapshot, *, level: int | None = None, grid: bool = False, limit: float = LIMIT) -> Figure:
    """Draw the seams over the dimmed picture; the worse the worst place of a seam, the thicker and darker its line.

    level: draw the seams of this level alone; those of all levels, if None. grid: draw also the lines at which the
    blocks of the full picture meet. limit: the disagreement, in 0..1, at which the colour is strongest.
    """
    height, width = snapshot.shape
    figure = Figure(figsize=(10, 10 * height / width if width >= height else 12), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(_dimmed(snapshot.picture), extent=(0, width, height, 0))
    if grid:
        axes.hlines(snapshot.grid[0] * height, 0, width, colors=QUIET, linewidths=0.5)
        axes.vlines(snapshot.grid[1] * width, 0, height, colors=QUIET, linewidths=0.5)
    # A snapshot has the worst seam first. It is drawn last, on top of the others.
    chosen = [n for n, seam in enumerate(snapshot.seams) if level is None or seam.level == level][::-1]
    worst = np.array([snapshot.seams[n].worst for n in chosen])
    strength = np.clip(worst / limit, 0, 1) if limit else np.ones_like(worst)
    lines = LineCollection(
        [[(x * width, y * height) for x, y in snapshot.line(n)] for n in chosen],
        array=worst * STEPS,
        cmap=SEAM_COLOURS,
        clim=(0, limit * STEPS),
        linewidths=1 + 4 * strength,
        alpha=0.35 + 0.65 * strength if chosen else None,
        capstyle="round",
    )
    axes.add_collection(lines)
    figure.colorbar(lines, ax=axes, shrink=0.6, label="disagreement at the worst place, of 255", extend="max")
    axes.set(xlim=(0, width), ylim=(height, 0), xlabel="column, px", ylabel="row, px")
    where = "all levels" if level is None else f"level {level}"
    axes.set_title(f"{len(chosen):,} seams, {where}", color=INK)
    return figure


def look_here(snapshot: Snapshot) -> Figure:
    """Draw a rectangle around each of the most doubtful places, and its rank."""
    height, width = snapshot.shape
    figure = Figure(figsize=(10, 10 * height / width if width >= height else 12), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(_dimmed(snapshot.picture), extent=(0, width, height, 0))
    for rank, place in enumerate(snapshot.look_here, 1):
        axes.add_patch(
            Rectangle((place.left, place.top), place.width, place.height, fill=False, edgecolor=STRONG, linewidth=1.5)
        )
        axes.annotate(str(rank), (place.left, place.top), color=STRONG, ha="right", va="bottom")
    axes.set(xlim=(0, width), ylim=(height, 0), xlabel="column, px", ylabel="row, px")
    axes.set_title(f"{len(snapshot.look_here)} places to look at", color=INK)
    return figure


def worst_crops(snapshot: Snapshot, count: int = 10) -> Figure:
    """Draw close-ups of the worst places, a row each: picture, guide, both tiles, and their blend."""
    crops = snapshot.crops[:count]
    figure = Figure(figsize=(11, max(1, 2.3 * len(crops))))
    if not crops:
        axes = figure.add_subplot()
        axes.set_axis_off()  # a notebook does not show a figure that has no axes
        axes.text(0.5, 0.5, "No tiles disagree anywhere.", ha="center", color=INK)
        return figure
    # Margins for the text beside and above; a computed layout takes seconds for so many pictures.
    figure.subplots_adjust(left=0.06, right=0.99, bottom=0.01, top=1 - 0.25 / len(crops), wspace=0.05, hspace=0.15)
    for n, crop in enumerate(crops):
        for k, (name, view) in enumerate(crop.views):
            axes = figure.add_subplot(len(crops), len(crop.views), n * len(crop.views) + k + 1)
            _show(axes, view, interpolation="nearest")
            axes.set_title(name, fontsize=8, color=INK)
            if k == 0:
                row, col = snapshot.full_position(crop.seam)
                text = f"{crop.seam.worst * STEPS:.1f} of 255\ncol {col}, row {row}"
                axes.set_ylabel(text, fontsize=8, color=INK)
    return figure


def histogram(snapshot: Snapshot, limit: float = LIMIT) -> Figure:
    """Draw how many seams are how bad at their worst place, a colour for each level, and the limit.

    limit: as in `tiler.core.seams.judge`, in 0..1.
    """
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.add_subplot()
    top = max([limit, *(seam.worst for seam in snapshot.seams)]) * STEPS
    levels = sorted({seam.level for seam in snapshot.seams})
    axes.hist(
        [[seam.worst * STEPS for seam in snapshot.seams if seam.level == level] for level in levels] or [[]],
        bins=np.linspace(0, top, 41).tolist(),
        stacked=True,
        color=[SEAM_COLOURS(0.25 + 0.7 * k / max(1, len(levels) - 1)) for k in range(len(levels))] or None,
        label=[f"level {level}" for level in levels] or None,
    )
    axes.axvline(limit * STEPS, color=INK, linewidth=1)
    axes.annotate("limit ", (limit * STEPS, 1), xycoords=("data", "axes fraction"), ha="right", va="top", color=INK)
    axes.set(xlabel="disagreement at the worst place, of 255", ylabel="seams")
    axes.margins(x=0.02)
    if levels:
        axes.legend(frameon=False, loc="upper center")
    _open_frame(axes)
    return figure


def repair(before: Sequence[Seam], after: Sequence[Seam]) -> Figure:
    """Draw the worst place of every seam before a repair (across) and after it (up): below the line is better."""
    repaired = {_key(seam): seam.worst * STEPS for seam in after}
    pairs = np.array([(s.worst * STEPS, repaired[_key(s)]) for s in before if _key(s) in repaired]).reshape(-1, 2)
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    top = max(1.0, float(pairs.max(initial=0.0))) * 1.05
    axes.plot([0, top], [0, top], color=QUIET, linewidth=1)
    changed = pairs[:, 0] != pairs[:, 1]
    for which, size, colour, name in ((~changed, 14, QUIET, "unchanged"), (changed, 22, STRONG, "changed")):
        axes.scatter(pairs[which, 0], pairs[which, 1], s=size, color=colour, label=f"{which.sum()} {name}")
    axes.set(xlim=(0, top), ylim=(0, top), aspect="equal")
    axes.set(xlabel="worst place before, of 255", ylabel="worst place after, of 255")
    axes.legend(frameon=False, loc="upper left")
    _open_frame(axes)
    return figure


def _show(axes: Axes, view: Uint8, interpolation: str | None = None) -> None:
    axes.imshow(view, cmap="gray", vmin=0, vmax=255, interpolation=interpolation)
    axes.set(xticks=[], yticks=[])


def _open_frame(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def _dimmed(picture: Uint8) -> Uint8:
    """Return the picture in pale greys, so that the seams alone have colour."""
    grey = picture.astype(np.float32).mean(axis=2, keepdims=True)
    return np.repeat(90 + 0.45 * grey, 3, axis=2).astype(np.uint8)


def _key(seam: Seam) -> tuple[int, str, int, int]:
    return seam.level, seam.across, seam.row, seam.col
