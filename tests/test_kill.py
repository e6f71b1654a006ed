"""Killed again and again at random moments: the bytes are those of the straight run, and little is repeated."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

# A process with a fake network that takes its time and notes each tile it answered in a file that only grows. It forks
# for each run, so that a run begins at once, and kills all but the last at a random moment of what is left.
RUNS = """
import os, random, signal, sys, time
import numpy as np
import tiler
from tests.test_run import Fake
from tiler import subject
photo, folder, kills, total, dense_levels = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
log = f"{folder}/log"

class Slow(Fake):
    def alpha(self, rgb):
        time.sleep(0.004)
        with open(log, "a") as file:
            file.write("tile\\n")
        # In every second tile somebody is everywhere, where tiles may say so: seams to repair.
        return np.maximum(super().alpha(rgb), np.float32(dense_levels and int(rgb.sum()) % 2))

subject.open_session = lambda *_: Slow()
sizes = {"guide_px": 64, "tile_px": 64, "overlap_px": 16, "threads": 2}
settings = tiler.Settings.of(**sizes, route="dense", dense_levels=dense_levels, repair=bool(dense_levels))
rng = random.Random(0)

def answered():
    return len(open(log).read().split()) if os.path.exists(log) else 0

for round in range(kills + 1):
    child = os.fork()
    if child == 0:
        tiler.matte(photo, f"{folder}/out.png", settings)
        os._exit(0)
    if round < kills:
        # Some kills come within a tile of the one before, some after half of all.
        enough = answered() + rng.choice([0, 1, 3, total // kills, 2 * total // kills])
        while answered() < enough and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.001)
        time.sleep(rng.random() * 0.05)
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        pass
"""
ROW = 10  # tiles in a row of level 0


@pytest.mark.parametrize(("kills", "dense_levels"), [(20, 0), (5, 2)], ids=["as it is", "repaired"])
def test_killed_at_random_moments_the_bytes_are_those_of_the_straight_run(kills, dense_levels, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (640, 440, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")

    def tiles(name, kills=0, total=1):
        folder = tmp_path / name
        folder.mkdir()
        words = [tmp_path / "photo.png", folder, kills, total, dense_levels]
        subprocess.run([sys.executable, "-c", RUNS, *map(str, words)], check=True)
        return len((folder / "log").read_text().split())

    total = tiles("straight")
    killed = tiles("killed", kills, total)
    assert (tmp_path / "killed" / "out.png").read_bytes() == (tmp_path / "straight" / "out.png").read_bytes()
    assert total <= killed <= total + kills * ROW
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == ["log", "out.png", "out.png.matte.json"]
    print("tiles", total, "repeated", killed - total)
