"""A disk that runs full ends a run in words, loses nothing, and the run continues once there is room."""

import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

import tiler
from tests.fakes import RecordedProgress
from tests.test_run import Fake
from tiler import subject
from tiler.errors import OutputError


@contextmanager
def disk(folder, kib):
    """Give a directory with so much room, and a function that changes it; needs the right to mount."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        yield lambda more: subprocess.run(["mount", "-o", f"remount,size={more}k", folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.setattr(subject, "open_session", lambda *_: Fake())
    monkeypatch.setattr(subject, "check_room", lambda *_, **__: None)
    pixels = np.random.default_rng(0).integers(0, 256, (500, 400, 3), dtype=np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


def matte(photo, output, work):
    progress = RecordedProgress()
    tiler.matte(photo, output, tiler.Settings.of(guide_px=64, tile_px=64, overlap_px=16, work_dir=work), progress)
    return output.read_bytes(), progress


@pytest.mark.parametrize("kib", [200, 600, 900, 1300, 1700])
def test_a_full_disk_is_told_and_the_run_continues_when_there_is_room(photo, tmp_path, kib):
    straight, _ = matte(photo, tmp_path / "straight.png", None)
    with disk(tmp_path / "small", kib) as resize:
        with pytest.raises(OutputError) as raised:
            matte(photo, tmp_path / "out.png", tmp_path / "small")
        assert "small" in raised.value.what
        assert not (tmp_path / "out.png").exists()
        resize(20_000)
        again, progress = matte(photo, tmp_path / "out.png", tmp_path / "small")
        assert again == straight
        assert list((tmp_path / "small").iterdir()) == []
    if kib >= 1300:
        assert any("continues" in note for note in progress.notes)


def test_a_full_disk_under_the_output_keeps_the_matte(photo, tmp_path):
    straight, _ = matte(photo, tmp_path / "straight.png", None)
    work = tmp_path / "work"
    work.mkdir()
    with disk(tmp_path / "small", 100) as resize:
        with pytest.raises(OutputError, match="No space left"):
            matte(photo, tmp_path / "small" / "out.png", work)
        resize(20_000)
        again, progress = matte(photo, tmp_path / "small" / "out.png", work)
    assert again == straight
    assert not any(total for name, total in progress.stages if name.startswith("level")), "no tile ran again"
