import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.snapshots import a_snapshot
from tiler.inspect.snapshot import save

EXAMPLE = Path(__file__).parents[2] / "examples" / "portrait.jpg"


def tiler(*words, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "tiler", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=120,
    )


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.jpg"
    Image.open(EXAMPLE).resize((320, 400)).save(path, quality=95)
    return path


def test_one_command_mattes_a_photo_and_says_so(small, tmp_path):
    out = tmp_path / "out.tif"
    done = tiler("matte", small, "-o", out, "--report", tmp_path / "r.json")
    assert done.returncode == 0, done.stderr
    assert "out.tif: 320 x 400 px" in done.stderr
    with Image.open(out) as image:
        assert (image.mode, image.size) == ("RGBA", (320, 400))
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["model"]["name"] == "modnet"
    assert len(report["model"]["sha256"]) == 64
    assert report["settings"]["matting"]["route"] == "auto"


def test_a_cutout_is_laid_over_a_background_in_one_go_or_later(small, tmp_path):
    done = tiler("matte", small, "-o", tmp_path / "shop.jpg", "--background", "white")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "shop.jpg") as image:
        assert (image.mode, image.size) == ("RGB", (320, 400))
        assert np.asarray(image)[:10, :10].min() > 250
    done = tiler(
        "compose", tmp_path / "shop.cutout.tif", "-o", tmp_path / "b.png", "--background", "#102030", "--quiet"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with Image.open(tmp_path / "b.png") as image:
        assert image.getpixel((0, 0)) == (16, 32, 48)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["compose", "small.jpg", "-o", "out.jpg", "--background", "white"], 1, "has no alpha"),
        (["compose", "small.jpg", "-o", "out.jpg", "--background", "whit"], 1, "neither"),
        (["matte", "small.jpg", "-o", "out.gif", "--background", "white"], 1, "no kind of file"),
        (["matte", "small.jpg", "-o", "out.jpg", "--background", "nothing.png"], 1, "neither"),
        (["matte", "small.jpg", "-o", "out.jpg", "--background", "white", "--alpha-only"], 2, "--alpha-only"),
    ],
)
def test_a_composite_that_cannot_be_is_told_before_the_work(small, monkeypatch, words, code, says):
    monkeypatch.chdir(small.parent)
    done = tiler(*words)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert [path.name for path in small.parent.iterdir()] == ["small.jpg"]


def test_quiet_is_quiet_and_every_option_is_taken(small, tmp_path):
    out = tmp_path / "alpha.png"
    sizes = "--guide-px 128 --tile-px 128 --overlap-px 32 --bits 16 --threads 2"
    ways = "--quiet --alpha-only --route dense --precision f32 --model modnet"
    done = tiler("matte", small, "-o", out, *sizes.split(), *ways.split(), "--work-dir", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with Image.open(out) as image:
        assert image.size == (320, 400)
        assert np.asarray(image).max() > 60000


@pytest.fixture
def shelf(tmp_path):
    """A directory with one good picture and some that are not."""
    Image.new("RGB", (40, 30)).save(tmp_path / "good.png")
    (tmp_path / "empty.tif").touch()
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:60])
    (tmp_path / "text.jpg").write_text("not a picture at all\n" * 20)
    (tmp_path / "folder").mkdir()
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("nobody.jpg -o out.tif", "nobody.jpg"),
        ("folder -o out.tif", "folder"),
        ("empty.tif -o out.tif", "empty.tif"),
        ("cut.png -o out.tif", "cut.png"),
        ("text.jpg -o out.tif", "text.jpg"),
        ("good.png -o out.jpg", "JPEG"),
        ("good.png -o out.xyz", ".xyz"),
        ("good.png -o no/out.tif", "no"),
        ("good.png -o folder", "folder"),
        ("good.png -o good.png", "good.png"),
        ("good.png -o out.tif --model nonesuch", "nonesuch"),
        ("good.png -o out.tif --report no/r.json", "r.json"),
        ("good.png -o out.tif --work-dir no", "--work-dir"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_paragraph(shelf, words, says):
    before = contents(shelf)
    done = tiler("matte", *words.split(), cwd=shelf)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    before_it, error = done.stderr.split("tiler: ")
    assert says in error
    assert 1 < len(error.strip().splitlines()) < 8
    assert len(before_it.splitlines()) <= 2
    assert contents(shelf) == before


def test_debug_shows_where_it_happened(tmp_path):
    done = tiler("matte", tmp_path / "nobody.jpg", "-o", tmp_path / "out.tif", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    "words", [["matte"], ["matte", "a.tif"], ["matte", "a.tif", "-o", "b.tif", "--bits", "12"], ["--nonesuch"]]
)
def test_wrong_usage_is_exit_code_2(words, tmp_path):
    done = tiler(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_a_run_cleanly(tmp_path, how):
    out, work = tmp_path / "out.png", tmp_path / "work"
    work.mkdir()
    photo = tmp_path / "photo.png"
    Image.open(EXAMPLE).resize((1024, 1280)).save(photo)
    sizes = "--guide-px 256 --tile-px 256 --overlap-px 64 --threads 1"
    words = ["matte", str(photo), "-o", str(out), "--work-dir", str(work), *sizes.split()]
    with subprocess.Popen(
        [sys.executable, "-m", "tiler", *words],
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs these tests in its background has its children ignore Ctrl-C.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        deadline = time.monotonic() + 60
        while not list(work.glob("*/canvas/*/*.block")) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, how)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + how, said
    assert "the same command continues. No output was written." in said
    assert "Traceback" not in said
    assert not out.exists()
    done = tiler(*words)
    assert done.returncode == 0, done.stderr
    assert "continues;" in done.stderr
    assert list(work.iterdir()) == []


def test_models_says_where_each_comes_from():
    done = tiler("models")
    assert done.returncode == 0
    for word in ("modnet", "bshm", "Apache", "iic/cv_unet_image-matting", "on this disk"):
        assert word in done.stdout


def test_help_is_quick_and_has_examples():
    done = tiler("matte", "--help")
    assert "tiler matte photo.tif -o cutout.tif" in done.stdout
    heavy = ["tensorflow", "dask", "zarr", "numpy", "pyvips"]
    code = f"import sys, tiler.cli.main; print([name for name in {heavy} if name in sys.modules])"
    checked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert checked.stdout.strip() == "[]"


def test_an_estimate_is_told_and_a_wrong_work_dir_is_no_traceback(small, tmp_path):
    done = tiler("estimate", small, "--guide-px", "128", "--tile-px", "128", "--wrap", "--dense-levels", "1")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if line][-4:] == ["all", "time", "memory", "scratch"]
    done = tiler("estimate", small, "--work-dir", tmp_path / "nowhere")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "--work-dir" in done.stderr


def test_a_batch_tells_what_failed_and_skips_what_is_done(small, tmp_path):
    (tmp_path / "in").mkdir()
    small.rename(tmp_path / "in" / "small.jpg")
    (tmp_path / "in" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    words = ["batch", "in", "-o", "out", "--suffix", ".png", "--guide-px", "128"]
    done = tiler(*words, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "1 done, 0 skipped, 0 failed tiles, 1 failed" in done.stderr
    (tmp_path / "in" / "cut.png").unlink()
    done = tiler(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0 done, 1 skipped" in done.stderr
    rows = (tmp_path / "out" / "batch.csv").read_text().splitlines()
    assert rows[1].startswith("in/small.jpg,out/small.jpg.png,skipped")


@pytest.mark.parametrize("words", ["in -o out --suffix .jpg", "in -o in", "in -o out --jobs 0", "in -o out --name x"])
def test_a_batch_that_cannot_be_is_wrong_usage(tmp_path, words):
    (tmp_path / "in").mkdir()
    assert tiler("batch", *words.split(), cwd=tmp_path).returncode == 2


def test_seams_of_a_snapshot_are_printed_and_judged(tmp_path):
    snapshot, html = tmp_path / "snapshot.npz", tmp_path / "page.html"
    save(a_snapshot(), snapshot)
    above = tiler("seams", snapshot, "--html", html)
    assert above.returncode == 1
    assert "  30.0  " in above.stdout
    assert "30.0" in html.read_text()
    below = tiler("seams", snapshot, "--limit", "31")
    assert below.returncode == 0, below.stderr
    assert "0 above the limit of 31.0" in below.stdout
    folder = tiler("seams", tmp_path)
    assert folder.returncode == 1
    assert "no canvas here" in folder.stderr
    other = tiler("seams", tmp_path / "other.npz")
    assert other.returncode == 1
    assert "tiler matte --snapshot" in other.stderr


def test_names_that_are_no_text_and_pipes_are_told_and_never_waited_for(small, tmp_path):
    odd = tmp_path / os.fsdecode(b"na\xffme.jpg")
    small.rename(odd)
    done = tiler("info", odd)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"na\udcffme.jpg" in done.stdout
    done = tiler(
        "matte",
        odd,
        "-o",
        tmp_path / os.fsdecode(b"out\xff.png"),
        "--guide-px",
        "128",
        "--html",
        tmp_path / os.fsdecode(b"r\xff.html"),
    )
    assert done.returncode == 0, done.stderr
    os.mkfifo(tmp_path / "pipe")
    for words in (["info", "pipe"], ["matte", "pipe", "-o", "out.tif"], ["estimate", "pipe"]):
        done = tiler(*words, cwd=tmp_path)
        assert (done.returncode, "this is a pipe" in done.stderr) == (1, True)


@pytest.mark.parametrize("shell", ["tiler info small.jpg >/dev/full", "tiler info small.jpg 2>/dev/full >/dev/full"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_under_stdout_is_told_once_and_is_no_traceback(small, shell, unbuffered):
    script = shell.replace("tiler", f"{sys.executable} -m tiler", 1)
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(script, shell=True, cwd=small.parent, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("No space left on device") == ("2>" not in shell)


def test_a_reader_that_has_read_enough_is_no_error(small):
    script = f"{sys.executable} -m tiler info small.jpg | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=small.parent, capture_output=True, text=True)
    assert done.returncode in (0, 141)
    assert done.stderr == ""


def test_help_and_version_answer_to_their_usual_names():
    assert tiler("-h").stdout == tiler("--help").stdout != ""
    assert tiler("matte", "-h").stdout == tiler("matte", "--help").stdout != ""
    assert tiler("--version").stdout.startswith("tiler ")
