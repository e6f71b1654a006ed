import subprocess
import sys

import numpy as np
import pytest

from tiler.memory import peak_memory_mb

# Threads make and drop arrays that are too small to be mapped by themselves, and keep a small array after each.
BUSY = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from tiler.memory import release_memory

def work(_):
    arrays, pieces = [], []
    for _ in range(400):
        arrays.append(np.ones(12_500))
        pieces.append(np.ones(200))
    return pieces

def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1e3

with ThreadPoolExecutor(8) as threads:
    kept = list(threads.map(work, range(8)))
before = held()
release_memory()
print(before, held())
"""


def test_the_peak_is_in_megabytes_and_no_less_than_what_was_held():
    held = np.ones(40_000_000)
    assert held.nbytes / 1e6 < peak_memory_mb() < 1e5


def test_the_peak_is_that_of_this_process_and_not_of_its_parent():
    held = np.ones(60_000_000)
    code = "from tiler.memory import peak_memory_mb; print(peak_memory_mb())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < held.nbytes / 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take freed memory back by themselves")
def test_what_is_freed_goes_back_to_the_system():
    done = subprocess.run([sys.executable, "-c", BUSY], capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert after < before / 2


# Planes of a megabyte, as a tile has, made and dropped in a thread; the faults are counted after the first of them.
PLANES = """
import resource, sys
from threading import Thread
import numpy as np
from tiler.memory import set_up_malloc

def work():
    for count in range(101):
        planes = [np.ones(300_000, np.float32) for _ in range(8)]
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

if sys.argv[1] == "set up":
    set_up_malloc()
faults = []
thread = Thread(target=work)
thread.start()
thread.join()
print(faults[-1] - faults[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="set up for glibc")
def test_the_planes_of_a_tile_are_there_for_the_next_one():
    def faults(word):
        done = subprocess.run([sys.executable, "-c", PLANES, word], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert faults("set up") < 5000
    assert faults("set up") < faults("not") / 4
