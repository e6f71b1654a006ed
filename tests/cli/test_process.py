"""The library does nothing to its host; the command line does it to its own process."""

import subprocess
import sys
from pathlib import Path

HOST = """
import logging, os, sys, threading
before = dict(os.environ), logging.getLogger("distributed").level, logging.getLogger("modelscope").level
same = os.fstat(2).st_ino, os.fstat(2).st_dev
import pyvips
cache = pyvips.cache_get_max()
import tiler, numpy as np
import tiler.image.read.tiff_header
opened = []
def load():
    with tiler.open_model() as model:
        opened.append(tiler.alpha(np.zeros((64, 64, 3), np.uint8), model=model))
threads = [threading.Thread(target=load) for _ in range(2)]
[t.start() for t in threads]; [t.join() for t in threads]
assert len(opened) == 2
assert (os.fstat(2).st_ino, os.fstat(2).st_dev) == same, "stderr was exchanged"
assert pyvips.cache_get_max() == cache
assert logging.getLogger("modelscope").level == before[2]
assert not logging.getLogger("tifffile").handlers
changed = {k for k in {*os.environ, *before[0]} if os.environ.get(k) != before[0].get(k)}
assert not {k for k in changed if k.startswith(("TF_CPP", "TQDM"))}, changed
print("still here", file=sys.stderr)
"""
CRASH = """
import os, sys
from tiler.cli.process import own_process
own_process()
os.write(2, b"a library's log")
print("for a person", file=sys.stderr)
if sys.argv[1:]: os.abort()
"""


def run(code, *words):
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )


def test_two_threads_that_load_models_leave_the_host_as_it_was():
    done = run(HOST)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("still here\n")


def test_logs_of_libraries_stay_off_the_terminal_and_ours_do_not():
    done = run(CRASH)
    assert done.stderr == "for a person\n"


def test_a_crash_in_a_library_shows_where_it_was():
    done = run(CRASH, "crash")
    assert done.returncode < 0
    assert "Fatal Python error" in done.stderr
