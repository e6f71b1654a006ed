"""Kill one job again and again at random moments, resume it each time, and compare the bytes with a straight run.

    python scripts/kill_test.py examples/portrait.jpg --kills 20

Uses the real network. Prints the tiles that the straight run took and those that the killed one took in all.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Print the figures; return 1 if the bytes differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        straight, tiles = matted(options.picture, Path(folder) / "straight.png")
        took = time.monotonic() - began
        rng, output = random.Random(options.seed), Path(folder) / "killed.png"
        canvas = output.with_name("killed.png.tiler") / "canvas"
        kills = early = 0
        while kills < options.kills:
            with begin(options.picture, output) as child:
                # The start is the same every time; a kill before the canvas is there is counted, but tells little.
                while not canvas.exists() and child.poll() is None:
                    time.sleep(0.05)
                time.sleep(rng.random() * (8 + took / options.kills))
                if child.poll() is not None:
                    break
                early += not canvas.exists()
                child.kill()
                kills += 1
        killed, last = matted(options.picture, output)
        print(f"{tiles} tiles straight, in {took:.0f} s; {kills} kills, {early} of them before the first block")
        print(f"the last of {kills + 1} runs took {last} tiles; bytes {'the same' if killed == straight else 'DIFFER'}")
        return int(killed != straight)


def begin(picture: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start the job that writes `output` and a report beside it."""
    words = ["matte", picture, "-o", output, "--report", output.with_suffix(".json"), "--quiet"]
    return subprocess.Popen([sys.executable, "-m", "tiler", *map(str, words)])


def matted(picture: Path, output: Path) -> tuple[bytes, int]:
    """Run the job to its end; return the bytes of the output and how many tiles this run took."""
    if begin(picture, output).wait():
        raise SystemExit("the run failed")
    report = json.loads(output.with_suffix(".json").read_text(encoding="utf-8"))
    return output.read_bytes(), sum(level["tiles_run"] for level in report["levels"])


if __name__ == "__main__":
    sys.exit(main())
