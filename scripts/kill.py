#!/usr/bin/env python
"""Kill runs at random moments, flip bits in their work folders, and hold what comes out against a straight run.

Each kill is one run that is killed (SIGKILL) and then continued. A third of the kills fall anywhere in the run, a third
while the output is exported, a third while the work folder is removed. Each flip is one bit of one file in the work
folder of a killed run. Afterwards the output has the bytes of the straight run, or the run ends with an error that
names a file and the output is right after --fresh. Nothing else may be left, and files that are not tiler's are as
they were.

    python scripts/kill.py [--kills 200] [--flips 50] [--seed 0]
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import tiler
from tiler.model.card import ModelCard, find_card
from tiler.model.graph_report import GraphReport
from tiler.sidecar import sidecar_of

SETTINGS = {"guide_px": 48, "tile_px": 48, "overlap_px": 12, "views": 1, "network_levels": "all", "threads": 2}
FOREIGN = ("notes.txt", ".out.tif.part-12345678", "out.tif.bak")
# What the child process ends with.
DONE, NAMED_ERROR, TRACEBACK = 0, 3, 4


class ColourKey:
    """A network that is a formula, so that a run takes a second: red is foreground."""

    card: ModelCard = find_card("modnet")
    sha256 = "0" * 64
    precision = "f32"
    device = "cpu"
    graph_report = GraphReport((), (), 0, 0)

    def alpha(self, rgb: NDArray[np.float32], _hint: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        return np.clip((rgb[..., 0] - 0.5 * rgb[..., 1]) / np.float32(200), 0, 1).astype(np.float32)

    def close(self) -> None: ...


@dataclass(frozen=True)
class Place:
    """A picture and the folder in which its output is made."""

    photo: Path
    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "out.tif"

    @property
    def work(self) -> Path:
        return self.folder / "out.tif.tiler"

    def start(self, *, fresh: bool = False) -> int:
        """Begin a run in a child process and return its number."""
        child = os.fork()
        if child:
            return child
        code = TRACEBACK
        try:
            settings = tiler.Settings.of(**SETTINGS, fresh=fresh)
            tiler.matte(self.photo, self.output, settings, model=ColourKey())  # type: ignore[arg-type]
            code = DONE
        except tiler.TilerError as error:
            print(f"    {error.what}")
            code = NAMED_ERROR
        except BaseException as error:
            print(f"    {type(error).__name__}: {error}")
        finally:
            sys.stdout.flush()
            os._exit(code)

    def finish(self, *, fresh: bool = False) -> int:
        """Run to the end and return what the child ended with."""
        return os.waitstatus_to_exitcode(os.waitpid(self.start(fresh=fresh), 0)[1])

    def exporting(self) -> bool:
        return any(self.folder.glob(".out.tif.*.part-*"))

    def removing(self) -> bool:
        return sidecar_of(self.output).exists()


def main() -> None:
    """Run the kills and the flips, and print what became of them; exit code 1 if any went wrong."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count in (("kills", 200), ("flips", 50), ("seed", 0)):
        options.add_argument(f"--{name}", type=int, default=count)
    args = options.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as scratch:
        photo = Path(scratch) / "photo.png"
        pixels = np.random.default_rng(0).integers(0, 256, (420, 330, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photo)
        straight = _place(photo, "straight")
        began = time.perf_counter()
        assert straight.finish() == DONE
        seconds = time.perf_counter() - began
        moments: list[Callable[[Place], None]] = [
            lambda _: time.sleep(rng.random() * seconds),
            lambda place: _wait(place.exporting, rng.random() * 0.2),
            lambda place: _wait(place.removing, rng.random() * 0.03),
        ]
        kills = Counter(_killed(_place(photo, f"kill{k}"), straight, moments[k % 3], None) for k in range(args.kills))
        flips = Counter(_killed(_place(photo, f"flip{k}"), straight, moments[k % 2], rng) for k in range(args.flips))
    print(f"kills: {dict(kills)}\nflips: {dict(flips)}")
    sys.exit(any(outcome.startswith("WRONG") for outcome in kills + flips))


def _killed(place: Place, straight: Place, wait: Callable[[Place], None], flipping: random.Random | None) -> str:
    """Return what became of a run that was killed, had a bit flipped if `flipping`, and was continued."""
    child = place.start()
    wait(place)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if flipping is not None:
        _flip(place.work, flipping)
    code, said = place.finish(), "identical"
    if code == NAMED_ERROR:
        code, said = place.finish(fresh=True), "named error, identical after --fresh"
    wrong = []
    if code != DONE:
        wrong.append(f"ended with {code}")
    elif place.output.read_bytes() != straight.output.read_bytes():
        wrong.append("other bytes")
    here = {path.name for path in place.folder.iterdir()}
    if left := here - {*FOREIGN, place.output.name, sidecar_of(place.output).name}:
        wrong.append(f"left over: {sorted(left)}")
    if any((place.folder / name).read_text() != name for name in FOREIGN):
        wrong.append("a foreign file was touched")
    print(f"{place.folder.name}: {said if not wrong else 'WRONG'} {'; '.join(wrong)}", flush=True)
    return said if not wrong else f"WRONG: {'; '.join(wrong)}"


def _place(photo: Path, name: str) -> Place:
    folder = photo.parent / name
    folder.mkdir()
    for foreign in FOREIGN:
        (folder / foreign).write_text(foreign)
    return Place(photo, folder)


def _wait(until: Callable[[], bool], more: float) -> None:
    """Wait until something is so, at most for a minute, and a little longer."""
    limit = time.perf_counter() + 60
    while not until() and time.perf_counter() < limit:
        time.sleep(0.001)
    time.sleep(more)


def _flip(folder: Path, rng: random.Random) -> None:
    """Flip one bit of one file in `folder`, if there is any."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    if files:
        path = rng.choice(files)
        data = bytearray(path.read_bytes())
        bit = rng.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        print(f"  {path.relative_to(folder)}: bit {bit}", flush=True)


if __name__ == "__main__":
    main()
