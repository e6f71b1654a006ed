"""Killed again and again at random moments: the bytes are those of the straight run, and little is repeated."""

import subprocess
import sys

import numpy as np
from PIL import Image

# A process with a fake network that takes its time and notes each tile it answered in a file that only grows. It forks
# for each run, so that a run begins at once, and kills all but the last at a random moment of what is left.
RUNS = """
import os, random, signal, sys, time
import tiler
from tests.test_run import Fake
from tiler import run
photo, folder, kills, total = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
log = f"{folder}/log"

class Slow(Fake):
    def alpha(self, rgb):
        time.sleep(0.004)
        with open(log, "a") as file:
            file.write("tile\\n")
        return super().alpha(rgb)

run.open_session = lambda *_: Slow()
settings = tiler.Settings(comfort_px=64, tile_px=64, overlap_px=16, route="dense", threads=2)
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
KILLS = 20
ROW = 10  # tiles in a row of level 0


def test_killed_at_twenty_random_moments_the_bytes_are_those_of_the_straight_run(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (640, 440, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")

    def tiles(name, kills, total=1):
        folder = tmp_path / name
        folder.mkdir()
        words = [tmp_path / "photo.png", folder, kills, total]
        subprocess.run([sys.executable, "-c", RUNS, *map(str, words)], check=True)
        return len((folder / "log").read_text().split())

    total = tiles("straight", 0)
    killed = tiles("killed", KILLS, total)
    assert (tmp_path / "killed" / "out.png").read_bytes() == (tmp_path / "straight" / "out.png").read_bytes()
    assert total <= killed <= total + KILLS * ROW
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == ["log", "out.png", "out.png.matte.json"]
    print("tiles", total, "repeated", killed - total)
