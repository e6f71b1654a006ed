import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.image.pictures import noise
from tests.image.read import misbehaving
from tiler.core.geometry import Box
from tiler.errors import InputError, OutputError
from tiler.image.open import open_source
from tiler.image.read import isolated
from tiler.image.read.orientation import upright

READER = misbehaving.__name__
ROOT = Path(__file__).parents[3]


def told(path, what):
    path.write_text(what)
    return isolated.open_file(READER, path, 10**6, path.parent)


def decoding(path):
    """Return whether a child is at work on `path`."""
    lines = (found.read_bytes() for found in Path("/proc").glob("[0-9]*/cmdline") if found.exists())
    return any(b"-P" in line and str(path).encode() in line for line in lines)


def test_what_the_child_decodes_arrives_as_it_is(tmp_path):
    with closing(told(tmp_path / "picture", "")) as source:
        whole = source.read(Box.whole(source.shape))
        np.testing.assert_array_equal(whole, upright(misbehaving.PIXELS, 6))
        assert (source.colour, source.dtype, source.has_alpha, source.orientation) == ("rgb", np.uint16, True, 6)
        assert source.metadata == misbehaving.METADATA
    assert [path.name for path in tmp_path.iterdir()] == ["picture"]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("crash", "crashed"),
        ("abort", "crashed"),
        ("exit", "crashed"),
        ("killed", "memory ran out"),
        ("memory", "not enough memory"),
        ("raise", "damaged or cut short .odd bytes"),
    ],
)
def test_a_decoder_that_fails_in_any_way_is_an_input_error(tmp_path, what, said):
    with pytest.raises(InputError, match=f"picture: .*{said}"):
        told(tmp_path / "picture", what)
    assert [path.name for path in tmp_path.iterdir()] == ["picture"]


def test_a_decoder_that_hangs_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(isolated, "LEAST_SECONDS", 2)
    with pytest.raises(InputError, match="took too long"):
        told(tmp_path / "picture", "hang")
    assert not decoding(tmp_path / "picture")


def test_a_header_that_claims_too_much_is_refused_as_by_the_reader(tmp_path):
    (tmp_path / "picture").write_text("")
    with pytest.raises(InputError, match="6 x 5 px, more than the 29 pixels"):
        isolated.open_file(READER, tmp_path / "picture", 29, None)


def test_no_room_for_the_pixels_names_the_directory(tmp_path):
    (tmp_path / "picture").write_text("")
    with pytest.raises(OutputError, match="the decoded picture has no place"):
        isolated.open_file(READER, tmp_path / "picture", 10**6, tmp_path / "none")


def test_pixels_that_the_disk_refuses_are_no_damage_of_the_picture(tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, before[1]))
    try:
        with pytest.raises(OutputError, match="has no place: File too large"):
            told(tmp_path / "picture", "large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_animated_avif_is_read_and_said_to_hold_more(tmp_path):
    frames = [Image.fromarray(np.full((40, 50, 3), value, np.uint8)) for value in (40, 120, 200)]
    frames[0].save(tmp_path / "picture", "AVIF", save_all=True, append_images=frames[1:], quality=100)
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.shape == (40, 50)
        assert "The first of 3 pictures is read" in source.metadata.notes[0]
        assert np.abs(source.read(Box.whole((40, 50))).astype(int) - 40).max() <= 2


@pytest.mark.parametrize("form", ["AVIF", "JPEG2000", "WEBP"])
def test_the_file_of_the_pixels_goes_where_scratch_files_go_and_has_no_name(tmp_path, form):
    Image.fromarray(noise((60, 80, 3), np.uint8)).save(tmp_path / "picture", form)
    (tmp_path / "scratch").mkdir()
    with closing(open_source(tmp_path / "picture", scratch=tmp_path / "scratch")) as source:
        assert isinstance(source.pixels.base, np.memmap) or isinstance(source.pixels, np.memmap)
        assert list((tmp_path / "scratch").iterdir()) == []


# A shell that runs these tests in its background has its children ignore Ctrl-C.
WAITS = """
import signal
import sys
from pathlib import Path
from tiler.image.read import isolated
signal.signal(signal.SIGINT, signal.default_int_handler)
isolated.open_file(sys.argv[1], Path(sys.argv[2]), 10**6, Path(sys.argv[3]))
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="this system does not list processes")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_child_and_no_file(tmp_path, how):
    (tmp_path / "hanging").write_text("hang")
    (tmp_path / "scratch").mkdir()
    arguments = [READER, str(tmp_path / "hanging"), str(tmp_path / "scratch")]
    run = subprocess.Popen([sys.executable, "-c", WAITS, *arguments], cwd=ROOT, stderr=subprocess.DEVNULL)

    def until(wanted):
        for _ in range(200):
            if decoding(tmp_path / "hanging") == wanted:
                return True
            time.sleep(0.05)
        return False

    assert until(True)
    run.send_signal(how)
    run.wait(timeout=30)
    assert until(False)
    assert list((tmp_path / "scratch").iterdir()) == []
