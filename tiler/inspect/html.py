"""One self-contained page about a run, for people without Python: no file beside it, no request to anywhere."""

import base64
import json
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tiler.atomic import atomic_file
from tiler.core.seams import LIMIT, Judgement, judge
from tiler.inspect.snapshot import Crop, Snapshot, sides

Shades = NDArray[np.uint8]

STEPS = 255
# Enough for a photograph that is looked at whole; the matte's edges stay clean.
JPEG_QUALITY = 82
# A gigapixel picture has tens of thousands of seams; beyond this many, the faintest are left off the map.
MOST_DRAWN = 4000


def write(path: Path, look: Snapshot, report: Mapping[str, Any] | None = None, limit: float = LIMIT) -> None:
    """Write `page` into the file `path`, complete or not at all.

    Raises OutputError if the disk refuses.
    """
    text = page(look, report, limit)
    with atomic_file(path) as file:
        file.write(text.encode())


def page(look: Snapshot, report: Mapping[str, Any] | None = None, limit: float = LIMIT) -> str:
    """Return the page as HTML text.

    report: what `Report.to_json` says, read back; it is shown as the provenance. limit: as in `tiler.core.seams.judge`.
    """
    judged = judge(look.seams, limit)
    height, width = look.shape
    name = str(report["source"]) if report else "A matte"
    return Template(files("tiler.inspect").joinpath("report.html").read_text(encoding="utf-8")).substitute(
        title=escape(name.replace("\\", "/").rsplit("/", 1)[-1]),
        size=f"{width:,} x {height:,} px",
        verdict=_verdict(judged),
        state="good" if judged.passed else "bad",
        ratio=f"{look.picture.shape[1]} / {look.picture.shape[0]}",
        picture=_jpeg(look.picture),
        matte=_jpeg(look.matte),
        seams=_map(look, limit),
        numbers=_numbers(judged, report),
        crops="\n".join(_crop(look, crop) for crop in look.crops) or "<p>No tiles disagree anywhere.</p>",
        provenance=_provenance(report),
    )


def _verdict(judged: Judgement) -> str:
    if judged.count == 0:
        return "One tile covers the picture: it has no seams."
    if judged.passed:
        return f"None of {judged.count:,} seams is above the limit."
    return f"{judged.above:,} of {judged.count:,} seams {'is' if judged.above == 1 else 'are'} above the limit."


def _numbers(judged: Judgement, report: Mapping[str, Any] | None) -> str:
    worst = judged.worst[0].worst if judged.worst else 0.0
    cells = [
        (f"{worst * STEPS:.1f}", "worst place, steps of 255"),
        (f"{judged.mean * STEPS:.2f}", "mean disagreement, steps of 255"),
        (f"{judged.limit * STEPS:.1f}", "limit, steps of 255"),
        (f"{judged.count:,}", "seams measured"),
    ]
    if report:
        run, kept, skipped = (
            sum(one[f"tiles_{how}"] for one in report["levels"]) for how in ("run", "kept", "skipped")
        )
        cells.append((f"{run:,} of {run + kept + skipped:,}", "tiles run"))
        cells.append((f"{sum(report['seconds'].values()):,.0f} s", "from file to file"))
    return "\n".join(f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for value, label in cells)


def _map(look: Snapshot, limit: float) -> str:
    """Return the seams as drawing commands over a square of 1 x 1 that is stretched over the picture."""
    drawn = list(zip(look.seams, look.places.tolist(), strict=True))[:MOST_DRAWN]
    lines = []
    for seam, (top, bottom, left, right) in reversed(drawn):
        # Half of what is above the line and half below lies in the overlap: the line is its middle.
        if seam.across == "rows":
            y = (top + bottom) / 2
            ends = f'x1="{left:.5f}" x2="{right:.5f}" y1="{y:.5f}" y2="{y:.5f}"'
        else:
            x = (left + right) / 2 % 1
            ends = f'x1="{x:.5f}" x2="{x:.5f}" y1="{top:.5f}" y2="{bottom:.5f}"'
        strength = min(1.0, seam.worst / limit) if limit else 1.0
        row, col = look.at(seam)
        lines.append(
            f'<line {ends} style="--at:{strength:.3f}"><title>{seam.worst * STEPS:.1f} of 255 at column {col}, '
            f"row {row}</title></line>"
        )
    return "\n".join(lines)


def _crop(look: Snapshot, crop: Crop) -> str:
    first, second = sides(crop.seam)
    row, col = look.at(crop.seam)
    views = (
        ("picture", crop.picture),
        ("guide", crop.guide),
        (f"tile {first}", crop.before),
        (f"tile {second}", crop.after),
        ("blend", crop.blend),
    )
    figures = "".join(
        f'<figure><img src="{_png(view)}" alt="{escape(name)}"><figcaption>{escape(name)}</figcaption></figure>'
        for name, view in views
    )
    return (
        f"<article><header><h3>{crop.seam.worst * STEPS:.1f} <small>of 255</small></h3>"
        f"<p>column {col:,}, row {row:,}<br>level {crop.seam.level}, mean {crop.seam.mean * STEPS:.1f}, "
        f"99th percentile {crop.seam.p99 * STEPS:.1f}</p></header><div>{figures}</div></article>"
    )


def _provenance(report: Mapping[str, Any] | None) -> str:
    if report is None:
        return "<p>This run kept no report.</p>"
    model, machine = report["model"], report["machine"]
    rows: list[tuple[str, str]] = [
        ("picture", str(report["source"])),
        ("result", str(report["output"])),
        ("network", f"{model['name']}, {model['precision']}"),
        ("its sha256", str(model["sha256"])),
        ("machine", str(machine)),
        ("versions", ", ".join(f"{name} {number}" for name, number in report["versions"].items())),
        ("seconds", ", ".join(f"{stage} {spent:.1f}" for stage, spent in report["seconds"].items())),
    ]
    full = escape(json.dumps(report, indent=2, default=str, ensure_ascii=False))
    return f"<table>{_rows(rows)}</table><details><summary>Everything, as JSON</summary><pre>{full}</pre></details>"


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)


def _jpeg(pixels: Shades) -> str:
    return _embedded(pixels, "jpeg", quality=JPEG_QUALITY, optimize=True)


def _png(pixels: Shades) -> str:
    return _embedded(pixels, "png", optimize=True)


def _embedded(pixels: Shades, kind: str, **options: Any) -> str:
    held = BytesIO()
    Image.fromarray(pixels).save(held, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(held.getvalue()).decode('ascii')}"
