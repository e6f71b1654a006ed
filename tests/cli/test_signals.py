"""A signal at any moment of an export ends the run with its own code, and leaves nothing half done."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# A process of its own, with a fake network, so that the export is most of the run. A command that a library calls back
# loses the first exception. Of a shell that runs the tests in the background, Ctrl-C is ignored, and is so inherited.
RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.test_run import Fake
from tiler import subject
from tiler.image.write import export
subject.open_session = lambda *_: Fake()
if "lost" in sys.argv:
    sys.argv.remove("lost")
    def write(file, image):
        from tiler.cli import process
        print("export", flush=True)
        bands = iter(image.bands)
        while not process.stopped_by():
            try:
                next(bands, None)
            except KeyboardInterrupt:
                pass  # as a callback of C does
        for band in bands:
            pass
    from dataclasses import replace
    export.OUTPUT_FORMATS[".png"] = replace(export.OUTPUT_FORMATS[".png"], write=write)
from tiler.cli.main import main
main()
"""
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
WORDS = [
    "matte",
    "photo.png",
    "-o",
    "out/o.png",
    *["--detail", "none", "--views", "1", "--guide-px", "64", "--threads", "1"],
]


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2400, 1600, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    (tmp_path / "out").mkdir()
    return tmp_path


def begun(folder, *more):
    words = [sys.executable, "-c", RUN, *WORDS, *more]
    return subprocess.Popen(
        words, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def parts(folder):
    return [path.name for path in (folder / "out").iterdir() if ".part-" in path.name]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_during_the_export_is_obeyed_and_leaves_no_part(folder, how):
    with begun(folder) as process:
        while not parts(folder) and process.poll() is None:
            time.sleep(0.002)
        time.sleep(random.Random(how).random() * 0.05)
        process.send_signal(how)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + how, said
    written = (folder / "out" / "o.png").exists()
    assert ("No output was written." in said) == (not written)
    assert not parts(folder)
    assert "Traceback" not in said
    done = begun(folder)
    assert done.communicate(timeout=120)[1]
    assert done.returncode == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["o.png", "o.png.matte.json"]


def test_a_signal_whose_exception_a_library_loses_still_ends_the_run(folder):
    with begun(folder, "lost") as process:
        assert process.stdout.readline() == "export\n"
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 143, said
    assert not (folder / "out" / "o.png").exists()
    assert not parts(folder)


def test_a_signal_that_is_ignored_stays_so(folder):
    words = ["nohup", sys.executable, "-c", RUN, *WORDS]
    with subprocess.Popen(words, cwd=folder, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        while not list((folder / "out").iterdir()) and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=120)
    assert process.returncode == 0
    assert (folder / "out" / "o.png").exists()
