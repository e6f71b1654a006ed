#!/usr/bin/env python
"""Read every file of folders with tiler, and compare the pixels with those of another decoder.

    python scripts/corpus.py pictures/pillow pictures/tiff --json found.jsonl
    python scripts/corpus.py pictures/pillow --matte mattes

Child processes do the reading, and one that dies or takes too long is replaced. The other decoders are Pillow, with the
package pillow-jxl-plugin for JPEG XL, and libvips for the kinds that tiler reads without it. A picture agrees if it
agrees with one of them, upright, at 8 bits, weighted with its alpha. Exit code 1: a traceback, a crash, a hang, or a
picture that is wrong without a note.

--json: a line per file, written at once; files that it lists already are not read again. --matte: the folders go
through `tiler batch` at the smallest sizes as well, into the named folder. Every file must then have its row.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import groupby
from pathlib import Path
from threading import Timer, local
from typing import Any

import numpy as np
from decoders import Samples, by_pillow, by_vips, difference, eight_bits

from tiler.core.geometry import Box, Span
from tiler.errors import InputError, TilerError
from tiler.image.colour import to_srgb
from tiler.image.open import format_of, open_source
from tiler.image.source import BAND_ROWS, SAMPLES

BAD = ("wrong", "traceback", "crash", "hang")
# no picture: of no kind that is read. noted: differs from the others, and a note says why. alone: nobody else reads it.
OUTCOMES = ("no picture", "refused", "agrees", "noted", "alone", *BAD)
SMALLEST = ("--guide-px", "32", "--tile-px", "512", "--overlap-px", "8", "--detail", "none", "--views", "1", "--quiet")


def decoded(path: Path) -> tuple[dict[str, str], Samples | None]:
    """Return what became of the file, and its pixels at 8 bits, (h, w, samples), if it was read."""
    try:
        known = format_of(path)
    except InputError as error:
        return {"outcome": "no picture", "why": error.what}, None
    try:
        with closing(open_source(path)) as source:
            height, width = source.shape
            bands = [Span(top, min(height, top + BAND_ROWS)) for top in range(0, height, BAND_ROWS)]
            notes, colour = " ".join(source.metadata.notes), source.colour
            # Without its own alpha: colours are compared under the other's.
            read = (source.read(Box(rows, Span(0, width)))[..., : SAMPLES[colour]] for rows in bands)
            if source.dtype == np.float32 and known.name == "JPEG XL":  # the other decoder shows light on a curve
                read = (to_srgb(band, colour, None) for band in read)
            pixels = np.concatenate([eight_bits(band) for band in read])
    except TilerError as error:
        return {"outcome": "refused", "why": error.what}, None
    return {"outcome": "alone", "why": "", "notes": notes, "colour": colour}, pixels


def judged(path: Path, found: dict[str, str], pixels: Samples) -> dict[str, str]:
    """Return `found` with the outcome of comparing the pixels."""
    differences = []
    for judge in (by_pillow, by_vips):
        try:
            other = judge(path)
        except Exception:  # it is theirs to fail in any way
            continue
        if other is None:
            continue
        differs = difference(pixels, other)
        if not differs:
            return {**found, "outcome": "agrees"}
        differences.append(f"{judge.__name__.removeprefix('by_')}: {differs}")
    if differences:
        found = {**found, "outcome": "noted" if found["notes"] else "wrong", "why": "; ".join(differences)}
    return found


def child() -> None:
    """Answer paths on stdin, JSON, with what became of each: once it is read, and once it is compared."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries that print do not answer

    def say(found: dict[str, str], *, more: bool) -> None:
        print(json.dumps({**found, "more": more}), file=answers, flush=True)

    for line in sys.stdin:
        path = Path(json.loads(line))
        try:
            found, pixels = decoded(path)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            found, pixels = {"outcome": "traceback", "why": said}, None
        say(found, more=pixels is not None)
        if pixels is not None:
            say(judged(path, found, pixels), more=False)


class Children:
    """One child process for each thread that asks; each file has `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._mine = seconds, local()
        self._all: list[subprocess.Popen[str]] = []

    def close(self) -> None:
        """End the processes: they do when there are no more paths."""
        for process in self._all:
            with process, suppress(BrokenPipeError):
                process.communicate()

    def ask(self, path: Path) -> dict[str, str]:
        """Return what became of the file `path`; a crash of the process is that of the file it was given last."""
        process = getattr(self._mine, "process", None)
        if process is None or process.poll() is not None:
            command = [sys.executable, __file__, "--child"]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            process = self._mine.process = subprocess.Popen(command, text=True, **pipes)  # type: ignore[call-overload]
            self._all.append(process)
        timer = Timer(self._seconds, process.kill)
        timer.start()
        print(json.dumps(str(path)), file=process.stdin, flush=True)
        found: dict[str, Any] = {}
        while found.pop("more", True):
            if not (line := process.stdout.readline()):
                took_too_long, code = not timer.is_alive(), process.wait()
                timer.cancel()
                if found:  # it was read; another decoder did not come back
                    return found
                return {"outcome": "hang" if took_too_long else "crash", "why": f"exit code {code}"}
            found = json.loads(line)
        timer.cancel()
        return found


def files_of(folder: Path) -> Iterator[Path]:
    """Yield every file below `folder`, in the order of their names."""
    for at, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(at) / name for name in sorted(names))


def batch_holds(folder: Path, into: Path) -> bool:
    """Put `folder` through `tiler batch`; print and return whether it ended as it should, with a row for every file."""
    into.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tiler", "batch", str(folder), "-o", str(into), *SMALLEST]
    with tempfile.TemporaryFile("w+") as log:
        done = subprocess.run(command, stderr=log, check=False)
        log.seek(0)
        tracebacks = log.read().count("Traceback")
    with (into / "batch.csv").open(newline="", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    missing = sorted({str(path) for path in files_of(folder)} - {row["source"] for row in rows})
    counts = ", ".join(f"{number} {outcome}" for outcome, number in Counter(row["outcome"] for row in rows).items())
    said = f"exit code {done.returncode}, {tracebacks} tracebacks, {len(missing)} files without a row {missing[:3]}"
    print(f"{folder}: {len(rows)} rows: {counts}; {said}", flush=True)
    return done.returncode in (0, 1) and not missing and not tracebacks


def main() -> int:
    """Print a table, one row per folder, and the files that went badly; return 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--json", type=Path, help="the list; what it holds is not read again")
    parser.add_argument("--matte", type=Path, metavar="INTO", help="put the folders through `tiler batch` as well")
    parser.add_argument("--seconds", type=float, default=300, help="time limit of a file")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child()
        return 0
    known: dict[str, dict[str, str]] = {}
    if options.json and options.json.exists():
        known = {one["file"]: one for one in map(json.loads, options.json.read_text().splitlines())}
    todo = [(folder, path) for folder in options.folders for path in files_of(folder)]
    with closing(Children(options.seconds)) as children, ThreadPoolExecutor(options.jobs) as pool:
        answers = pool.map(lambda one: known.get(str(one[1])) or children.ask(one[1]), todo)
        found = []
        for (folder, path), answer in zip(todo, answers, strict=True):
            found.append((folder, {"file": str(path), **answer}))
            if options.json and str(path) not in known:
                with options.json.open("a") as file:
                    print(json.dumps(found[-1][1]), file=file)
    print(f"| folder | files | {' | '.join(OUTCOMES)} |\n|---|{'---:|' * (len(OUTCOMES) + 1)}")
    total: Counter[str] = Counter()
    for folder, its in groupby(found, lambda one: one[0]):
        counts = Counter(answer["outcome"] for _, answer in its)
        total += counts
        print(f"| {folder.name} | {counts.total()} | {' | '.join(str(counts[name]) for name in OUTCOMES)} |")
    print(f"| all | {total.total()} | {' | '.join(str(total[name]) for name in OUTCOMES)} |")
    for _, answer in found:
        if answer["outcome"] in BAD:
            print(f"{answer['outcome']}: {answer['file']}: {answer['why']}")
    held = [batch_holds(folder, options.matte / folder.name) for folder in options.folders if options.matte]
    return int(any(total[name] for name in BAD) or not all(held))


if __name__ == "__main__":
    sys.exit(main())
