"""The HTML report of a run, for people without Python: one file that loads no other file and sends no request."""

import base64
import json
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

from tiler.atomic import atomic_file
from tiler.core.doubt import Place
from tiler.core.seams import LIMIT, Judgement, judge
from tiler.inspect.laid import front
from tiler.inspect.snapshot import STEPS, Crop, Snapshot, Uint8

# Artefacts cannot be seen at this quality, and the edges of the matte stay clean.
JPEG_QUALITY = 82
# A gigapixel picture has tens of thousands of seams. Only this many are drawn, the worst ones.
MOST_DRAWN = 4000


def write_html(path: Path, snapshot: Snapshot, report: Mapping[str, Any] | None = None, limit: float = LIMIT) -> None:
    """Write the HTML report of `snapshot` into the file `path`, complete or not at all.

    report, limit: as in `html_report`. Raises OutputError if the file cannot be written.
    """
    text = html_report(snapshot, report, limit)
    with atomic_file(path) as file:
        file.write(text.encode(errors="backslashreplace"))  # names need not be text


def html_report(snapshot: Snapshot, report: Mapping[str, Any] | None = None, limit: float = LIMIT) -> str:
    """Return the HTML report of `snapshot` as text.

    report: the JSON of `Report.to_json`, parsed; it says where the result comes from. limit: as in
    `tiler.core.seams.judge`, in 0..1.
    """
    judged = judge(snapshot.seams, limit)
    height, width = snapshot.shape
    name = str(report["source"]) if report else "A matte"
    return page(
        "report.html",
        title=escape(name.replace("\\", "/").rsplit("/", 1)[-1]),
        size=f"{width:,} x {height:,} px",
        verdict=_verdict(judged),
        state="good" if judged.passed else "bad",
        ratio=f"{snapshot.picture.shape[1]} / {snapshot.picture.shape[0]}",
        picture=jpeg(snapshot.picture),
        matte=jpeg(snapshot.matte),
        front=jpeg(front(snapshot)),
        seams=_seam_map(snapshot, limit),
        places=_place_map(snapshot),
        place_list=_place_list(snapshot),
        limit=f"{limit * STEPS:.1f}",
        numbers=_numbers(judged, report),
        crops="\n".join(_crop(snapshot, crop) for crop in snapshot.crops) or "<p>No tiles disagree anywhere.</p>",
        provenance=_provenance(report),
    )


def page(template: str, **parts: str) -> str:
    """Return the page that the file `template` of this room becomes with its parts, which are HTML already."""
    room = files("tiler.inspect")
    style = room.joinpath("style.css").read_text(encoding="utf-8")
    return Template(room.joinpath(template).read_text(encoding="utf-8")).substitute(parts, style=style)


def _verdict(judged: Judgement) -> str:
    if judged.count == 0:
        return "One tile covers the picture: it has no seams."
    if judged.passed:
        return f"None of {judged.count:,} seams is above the limit."
    return f"{judged.above:,} of {judged.count:,} seams {'is' if judged.above == 1 else 'are'} above the limit."


def _numbers(judged: Judgement, report: Mapping[str, Any] | None) -> str:
    worst = judged.worst[0].worst if judged.worst else 0.0
    cells = [
        (f"{worst * STEPS:.1f}", "worst place, of 255"),
        (f"{judged.mean * STEPS:.2f}", "mean disagreement, of 255"),
        (f"{judged.limit * STEPS:.1f}", "limit, of 255"),
        (f"{judged.count:,}", "seams measured"),
    ]
    if report:
        run, kept, skipped = (
            sum(level[f"tiles_{how}"] for level in report["levels"]) for how in ("run", "kept", "skipped")
        )
        cells.append((f"{run:,} of {run + kept + skipped:,}", "tiles run"))
        cells.append((f"{sum(report['seconds'].values()):,.0f} s", "from file to file"))
    return "\n".join(f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for value, label in cells)


def _seam_map(snapshot: Snapshot, limit: float) -> str:
    """Return the seams as SVG lines in a square of 1 x 1, which the page stretches over the picture."""
    lines = []
    # Drawn from the faintest to the worst, which then lies on top.
    for n in reversed(range(min(MOST_DRAWN, len(snapshot.seams)))):
        seam = snapshot.seams[n]
        (x1, y1), (x2, y2) = snapshot.line(n)
        strength = min(1.0, seam.worst / limit) if limit else 1.0
        row, col = snapshot.full_position(seam)
        lines.append(
            f'<line x1="{x1:.5f}" y1="{y1:.5f}" x2="{x2:.5f}" y2="{y2:.5f}" style="--strength:{strength:.3f}">'
            f"<title>{seam.worst * STEPS:.1f} of 255 at column {col:,}, row {row:,}</title></line>"
        )
    return "\n".join(lines)


def _place_map(snapshot: Snapshot) -> str:
    """Return the doubtful places as SVG rectangles in a square of 1 x 1, which the page stretches over the picture."""
    height, width = snapshot.shape
    return "\n".join(
        f'<rect x="{place.left / width:.5f}" y="{place.top / height:.5f}" width="{place.width / width:.5f}" '
        f'height="{place.height / height:.5f}"><title>{_place(place)}</title></rect>'
        for place in snapshot.look_here
    )


def _place_list(snapshot: Snapshot) -> str:
    if not snapshot.look_here:
        return "<p>Nothing in this matte is doubtful.</p>"
    return "<ol>" + "".join(f"<li>{_place(place)}</li>" for place in snapshot.look_here) + "</ol>"


def _place(place: Place) -> str:
    return f"column {place.left:,}, row {place.top:,}, {place.width:,} x {place.height:,} px; doubt {place.doubt:.2f}"


def _crop(snapshot: Snapshot, crop: Crop) -> str:
    row, col = snapshot.full_position(crop.seam)
    figures = "".join(
        f'<figure><img src="{png(view)}" alt="{escape(name)}"><figcaption>{escape(name)}</figcaption></figure>'
        for name, view in crop.views
    )
    return (
        f"<article><header><h3>{crop.seam.worst * STEPS:.1f} <small>of 255</small></h3>"
        f"<p>column {col:,}, row {row:,}<br>level {crop.seam.level}<br>mean {crop.seam.mean * STEPS:.1f}, "
        f"99th percentile {crop.seam.p99 * STEPS:.1f}</p></header><div>{figures}</div></article>"
    )


def _provenance(report: Mapping[str, Any] | None) -> str:
    if report is None:
        return "<p>There is no report of this run.</p>"
    model, guide = report["model"], report.get("guide_model")
    rows: list[tuple[str, str]] = [
        ("picture", str(report["source"])),
        ("result", str(report["output"])),
        ("network", f"{model['name']}, {model['precision']}"),
        ("sha256 of its graph", str(model["sha256"])),
        *([("network of the guide", f"{guide['name']}, {guide['precision']}")] if guide else []),
        ("machine", str(report["machine"])),
        ("versions", ", ".join(f"{name} {number}" for name, number in report["versions"].items())),
        ("seconds", ", ".join(f"{stage} {spent:.1f}" for stage, spent in report["seconds"].items())),
    ]
    full = escape(json.dumps(report, indent=2, default=str, ensure_ascii=False))
    whole = f"<details><summary>The full report, as JSON</summary><pre>{full}</pre></details>"
    return f"<table>{table_rows(rows)}</table>{whole}"


def table_rows(rows: Iterable[tuple[str, str]]) -> str:
    """Return the rows of a table of names and values."""
    return "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)


def jpeg(pixels: Uint8) -> str:
    """Return `pixels` as a `data:` URI of a JPEG picture."""
    return _data_uri(pixels, "jpeg", quality=JPEG_QUALITY, optimize=True)


def png(pixels: Uint8) -> str:
    """Return `pixels` as a `data:` URI of a PNG picture."""
    return _data_uri(pixels, "png", optimize=True)


def _data_uri(pixels: Uint8, kind: str, **options: Any) -> str:
    """Return `pixels` as a `data:` URI (RFC 2397), which holds the encoded picture itself."""
    encoded = BytesIO()
    Image.fromarray(pixels).save(encoded, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(encoded.getvalue()).decode('ascii')}"
