import random
import subprocess
import sys
import time

import numpy as np
from PIL import Image

# A child process with a fake network that takes its time and notes each tile it answered in a file that only grows.
CHILD = """
import sys, time, tiler
from tests.test_run import Fake
from tiler import run
class Slow(Fake):
    def alpha(self, rgb):
        time.sleep(0.02)
        with open(sys.argv[3], "a") as log:
            log.write("tile\\n")
        return super().alpha(rgb)
run.open_session = lambda *_: Slow()
settings = tiler.Settings(comfort_px=64, tile_px=64, overlap_px=16, route="dense", threads=2)
tiler.matte(sys.argv[1], sys.argv[2], settings)
"""
KILLS = 3
ROW = 8  # tiles in a row of level 0


def test_killed_at_random_moments_the_bytes_are_those_of_the_straight_run(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (400, 360, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")

    def begin(name):
        words = [str(tmp_path / word) for word in ("photo.png", f"{name}.png", f"{name}.log")]
        return subprocess.Popen([sys.executable, "-c", CHILD, *words])

    def tiles(name):
        log = tmp_path / f"{name}.log"
        return len(log.read_text().splitlines()) if log.exists() else 0

    assert begin("straight").wait() == 0
    rng, total = random.Random(0), tiles("straight")
    for _ in range(KILLS):
        before = tiles("killed")
        with begin("killed") as child:
            while tiles("killed") == before and child.poll() is None:
                time.sleep(0.01)
            time.sleep(rng.random() * total * 0.01 / KILLS)
            child.kill()
    assert begin("killed").wait() == 0
    assert (tmp_path / "killed.png").read_bytes() == (tmp_path / "straight.png").read_bytes()
    assert total <= tiles("killed") <= total + KILLS * ROW
    print("tiles", total, "repeated", tiles("killed") - total)
