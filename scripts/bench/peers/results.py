"""The table and the picture of what was measured: medians, and why a program did not come to its end."""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from programs import PROGRAMS

FIRST = "tiler"
FIGURES = {"MAD": "{:.4f}", "MSE band": "{:.4f}", "Grad": "{:.2f}"}


@dataclass(frozen=True)
class Row:
    """The medians of one program at one size; `fault` if it did not come to its end, and then no figure counts."""

    program: str
    megapixels: float
    rounds: int
    wall_s: float
    processor_s: float
    peak_mb: float
    errors: dict[str, float]
    fault: str | None


DRAWN: dict[str, Callable[[Row], float]] = {
    "wall, s": lambda row: row.wall_s,
    "peak memory, MB": lambda row: row.peak_mb,
    "MSE in the band": lambda row: row.errors.get("MSE band", nan),
}


def rows_of(found: dict[str, Any]) -> list[Row]:
    """Return a row for every program at every size, in the order of `PROGRAMS`, the smallest size first."""
    by_key: dict[tuple[float, str], list[dict[str, Any]]] = {}
    for run in found["runs"]:
        by_key.setdefault((run["megapixels"], run["program"]), []).append(run)
    order = sorted(by_key, key=lambda key: (key[0], list(PROGRAMS).index(key[1])))
    return [row_of(name, megapixels, by_key[megapixels, name]) for megapixels, name in order]


def row_of(name: str, megapixels: float, runs: list[dict[str, Any]]) -> Row:
    """Return the row of the rounds of one program at one size."""
    fault = next((run["fault"] for run in runs if run["fault"]), None)
    errors: dict[str, float] = next((run["errors"] for run in runs if run["errors"]), {})
    wall, processor, peak = (median(run[key] for run in runs) for key in ("wall_s", "processor_s", "peak_mb"))
    return Row(name, megapixels, len(runs), wall, processor, peak, errors, fault)


def markdown(found: dict[str, Any]) -> str:
    """Return the table, and above it the machine and its limit."""
    rows, network = rows_of(found), found["network"]
    walls = {row.megapixels: row.wall_s for row in rows if row.program == FIRST and row.fault is None}
    lines = [
        f"{found['machine']}. Matrices: {network['peak_gflops']:.0f} GFLOP/s. A tile of the network is "
        f"{network['tile_gflop']:.1f} GFLOP, {network['tile_at_peak_s']:.2f} s at that speed; by onnxruntime it takes "
        f"{network['tile_s']:.2f} s.",
        "",
        f"| MP | program | processor s | wall s | wall / {FIRST} | peak MB | {' | '.join(FIGURES)} | rounds |",
        "|---|---|---|---|---|---|" + "---|" * len(FIGURES) + "---|",
    ]
    for row in rows:
        start = f"| {row.megapixels:g} | {PROGRAMS[row.program].title} "
        if row.fault is not None:
            lines.append(f"{start}| did not live: {row.fault.replace('|', '/')} |" + " |" * (len(FIGURES) + 4))
            continue
        ratio = f"{row.wall_s / walls[row.megapixels]:.2f}" if row.megapixels in walls else ""
        figures = [form.format(row.errors[name]) if name in row.errors else "" for name, form in FIGURES.items()]
        lines.append(
            f"{start}| {row.processor_s:.1f} | {row.wall_s:.1f} | {ratio} | {row.peak_mb:.0f} | "
            f"{' | '.join(figures)} | {row.rounds} |"
        )
    return "\n".join(lines)


def figure(found: dict[str, Any]) -> Figure:
    """Draw wall, peak memory and MAD over size, a line a program; a line ends where its program did not live."""
    drawn = Figure(figsize=(15, 5.5), layout="constrained")
    rows = [row for row in rows_of(found) if row.fault is None]
    for axes, (title, value) in zip(drawn.subplots(1, 3), DRAWN.items(), strict=True):
        draw(axes, title, value, rows)
    drawn.axes[-1].legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize=9)
    return drawn


def draw(axes: Axes, title: str, value: Callable[[Row], float], rows: list[Row]) -> None:
    """Draw one figure of all programs, both axes logarithmic."""
    for number, name in enumerate(PROGRAMS):
        own = [row for row in rows if row.program == name]
        ours = name.startswith(FIRST)
        axes.plot(
            [row.megapixels for row in own],
            [value(row) for row in own],
            color=f"C{number % 10}",
            marker="o" if ours else "x",
            linewidth=2.5 if ours else 1.2,
            linestyle="-" if number < 10 else "--",
            label=PROGRAMS[name].title,
        )
    axes.set(title=title, xlabel="megapixels", xscale="log", yscale="log")
    axes.grid(alpha=0.25)
