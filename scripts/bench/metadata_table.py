"""Print the table of docs/formats.md on metadata: what each format keeps, changes and loses, as exiftool reads it.

    python scripts/bench/metadata_table.py FOLDER > table.md

Every picture in FOLDER that can be read is written in each format, without a matte: alpha is half
throughout. A tag is kept if the output has it in the same group with the same value, and changed if the value is
another. Warnings are those of `exiftool -validate` that the picture itself does not have. With --details, what is
changed, lost and warned of follows, a line for each tag.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tiler.core.geometry import Box  # noqa: E402
from tiler.errors import TilerError  # noqa: E402
from tiler.image.open import open_source  # noqa: E402
from tiler.image.write.export import check_holds, export  # noqa: E402
from tiler.progress import Silent  # noqa: E402
from tiler.settings import Settings  # noqa: E402

SUFFIXES = (".tif", ".png", ".webp")
GROUPS = ("IFD0", "ExifIFD", "GPS", "InteropIFD", "maker notes", "PrintIM", "IPTC", "XMP", "ICC profile", "comments")
# Tags that describe the layout of a file, and thumbnails: they are the output's own, or of the picture before.
LAYOUT = re.compile(
    r"IFD0:(YCbCr|Strip|Rows|Tile|Image(Width|Height)|Bits|Compression|Photometric|Planar|Samples|Fill|SubfileType|"
    r"ExtraSamples|Predictor|Padding|ExifByteOrder)|Thumbnail|PreviewImage|XMPToolkit|XMP-xmpNote"
)
# What exiftool 12.57 has to say on every TIFF that is tiled or deflated, on every TIFF with GPS tags but without the
# processing method, which Exif does not ask for, and on Adobe RGB stated by interoperability index, which is kept.
OF_TIFF = re.compile(
    r"Missing required TIFF IFD0 tag 0x01(11|16|17) |Invalid value for IFD0 tag 0x0103 |"
    r"Missing required TIFF GPS tag 0x001b |InteropIndex is not allowed in TIFF"
)


class Notes(Silent):
    """A progress that keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder of pictures")
    parser.add_argument("--details", action="store_true", help="name what is changed, lost and warned of")
    options = parser.parse_args()
    with TemporaryDirectory() as place:
        written, notes = write_all(options.folder, Path(place))
        outputs = [output for outs in written.values() for output in outs.values()]
        details = compare(written, read_tags([*written, *outputs]), read_warnings([*written, *outputs]))
    if options.details:
        print(*details, *notes, sep="\n")


def write_all(folder: Path, place: Path) -> tuple[dict[Path, dict[str, Path]], list[str]]:
    """Write every picture in every format; return the outputs by picture and suffix, and what was said."""
    written: dict[Path, dict[str, Path]] = {}
    notes = []
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        try:
            with closing(open_source(path)) as source:
                pixels = source.read(Box.whole(source.shape))
                for suffix in SUFFIXES:
                    output, progress = place / f"{path.name}{suffix}", Notes()
                    check_holds(output, source, Settings(), progress)
                    export(output, source, partial(part, pixels), half, Settings(), progress)
                    written.setdefault(path, {})[suffix] = output
                    notes += [f"note    {path.name}{suffix}: {note}" for note in progress.notes]
        except TilerError:
            continue
    return written, notes


def part(pixels: Any, box: Box) -> Any:
    """Return the pixels of a box."""
    return pixels[box.slices]


def half(box: Box) -> Any:
    """Return an alpha of half for a box."""
    return np.full(box.shape, 2**15, np.uint16)


def compare(
    written: dict[Path, dict[str, Path]], tags: dict[Path, dict[str, Any]], warned: dict[Path, set[str]]
) -> list[str]:
    """Print the table; return the details, a line for each tag."""
    counts: Counter[tuple[str, str, str]] = Counter()
    gained: Counter[str] = Counter()
    details = []
    for path, outs in written.items():
        for suffix, out in outs.items():
            for name, value in tags[path].items():
                fate = "lost" if name not in tags[out] else "kept" if tags[out][name] == value else "changed"
                counts[group_of(name) or "", suffix, fate] += 1
                if fate != "kept":
                    details.append(f"{fate:8}{path.name}{suffix} {name}: {value!s:.60} -> {tags[out].get(name)!s:.60}")
            new = warned[out] - warned[path]
            gained[suffix] += bool(new)
            details += [f"warns   {path.name}{suffix}: {warning}" for warning in sorted(new)]
    print(f"| {len(written)} pictures: kept / changed / lost |", " | ".join(SUFFIXES), "|")
    print("|---|" + "---|" * len(SUFFIXES))
    for group in GROUPS:
        cells = [" / ".join(str(counts[group, s, fate]) for fate in ("kept", "changed", "lost")) for s in SUFFIXES]
        print(f"| {group} |", " | ".join(cells), "|")
    print("| pictures that gain a warning |", " | ".join(str(gained[suffix]) for suffix in SUFFIXES), "|")
    return details


def read_tags(paths: list[Path]) -> dict[Path, dict[str, Any]]:
    """Return the tags of each picture by group and name, without those of layout; values as numbers."""
    tags: dict[Path, dict[str, Any]] = {}
    for path, found in exiftool(paths, "-n", "-u", "-G0:1").items():
        tags[path] = {}
        for full, value in found.items():
            family, _, name = full.partition(":")
            if family == "MakerNotes":
                name = f"maker notes:{name.rpartition(':')[2]}"
            elif full in ("File:Comment", "PNG:Comment"):
                name = "comments:Comment"
            elif ":" not in name:
                name = full
            if group_of(name) and not LAYOUT.search(name):
                tags[path][name] = value
    return tags


def group_of(name: str) -> str | None:
    """Return the row of the table that a tag belongs to; None if it belongs to none."""
    group = name.partition(":")[0]
    if group.startswith("XMP-"):
        return "XMP"
    if group.startswith("ICC"):
        return "ICC profile"
    return group if group in GROUPS else None


def read_warnings(paths: list[Path]) -> dict[Path, set[str]]:
    """Return the warnings and errors that `exiftool -validate` has on each picture, without those on all such TIFFs."""
    texts = {
        path: {str(text) for name, text in found.items() if name.endswith(("Warning", "Error"))}
        for path, found in exiftool(paths, "-a", "-validate", "-warning", "-error", "-G4").items()
    }
    return {
        path: {re.sub("required (JPEG|TIFF)", "required", text) for text in found if not OF_TIFF.search(text)}
        for path, found in texts.items()
    }


def exiftool(paths: list[Path], *options: str) -> dict[Path, dict[str, Any]]:
    """Return what exiftool reads from each file."""
    done = subprocess.run(["exiftool", "-j", *options, *map(str, paths)], capture_output=True, check=False)
    return {Path(found.pop("SourceFile")): found for found in json.loads(done.stdout)}


if __name__ == "__main__":
    main()
