"""The source of a run is one file: if it was changed meanwhile, nothing is vouched for."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import tiler
from tests.fakes import RecordedProgress
from tests.test_run import Fake
from tiler.errors import InputError
from tiler.sidecar import is_done, sidecar_of

SETTINGS = tiler.Settings.of(guide_px=48, tile_px=48, overlap_px=12, threads=2)
# Where a picture is replaced: a TIFF that fits two levels is read at once, and then again to the very end.
PLACES = [("photo.png", "read and halve"), ("photo.png", "write"), ("photo.tif", "level 0"), ("photo.tif", "write")]


class Meddling(RecordedProgress):
    """Does something to the picture when a stage begins, or at the end of it."""

    def __init__(self, stage, meddle, *, at_its_end=False):
        super().__init__()
        self.wanted, self.meddle, self.at_its_end = stage, meddle, at_its_end

    def stage(self, name, total):
        super().stage(name, total)
        if name.startswith(self.wanted) and not self.at_its_end:
            self.meddle()

    def advance(self, steps=1):
        super().advance(steps)
        name, total = self.stages[-1]
        if name.startswith(self.wanted) and self.at_its_end and self.steps[-1] == total:
            self.meddle()


def a_picture(path, seed):
    y, x = np.mgrid[:90, :120]
    pixels = np.stack([x * 2, y * 2, x + seed], axis=-1).astype(np.uint8)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="rgb", tile=(16, 16))  # read in any order, until the last step
    else:
        Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(("name", "stage"), PLACES)
@pytest.mark.parametrize("at_its_end", [False, True])
def test_a_picture_that_is_replaced_during_its_run_is_an_error_and_leaves_nothing(tmp_path, name, stage, at_its_end):
    photo, out = tmp_path / name, tmp_path / "out.png"
    a_picture(photo, 0)

    def replace():
        other = tmp_path / f"other{photo.suffix}"
        a_picture(other, 1)
        other.replace(photo)

    progress = Meddling(stage, replace, at_its_end=at_its_end)
    with pytest.raises(InputError, match="changed while it was matted"):
        tiler.matte(photo, out, SETTINGS, progress, model=Fake())
    assert any(name.startswith(stage) for name, _ in progress.stages)
    # Neither an output nor a sidecar, and no work that the new picture would be refused for.
    assert [path.name for path in tmp_path.iterdir()] == [name]
    tiler.matte(photo, out, SETTINGS, model=Fake())
    assert is_done(photo, out, SETTINGS, Fake())


def test_one_that_is_changed_after_its_output_is_there_is_not_vouched_for(tmp_path, monkeypatch):
    photo, out = tmp_path / "photo.png", tmp_path / "out.png"
    a_picture(photo, 0)
    rename = Path.replace

    def rename_and_touch(path, target):
        rename(path, target)
        if target == out:
            os.utime(photo, ns=(0, 1))

    monkeypatch.setattr(Path, "replace", rename_and_touch)
    with pytest.raises(InputError, match="changed while it was matted"):
        tiler.matte(photo, out, SETTINGS, model=Fake())
    assert not sidecar_of(out).exists()
    assert not is_done(photo, out, SETTINGS, Fake())


def test_an_earlier_output_stays_when_the_picture_is_changed_during_the_next_run(tmp_path):
    photo, out = tmp_path / "photo.png", tmp_path / "out.png"
    a_picture(photo, 0)
    tiler.matte(photo, out, SETTINGS, model=Fake())
    before = out.read_bytes(), sidecar_of(out).read_bytes()
    progress = Meddling("write", lambda: os.utime(photo, ns=(0, 1)))
    with pytest.raises(InputError, match="changed"):
        tiler.matte(photo, out, SETTINGS.with_options(alpha_only=True), progress, model=Fake())
    assert (out.read_bytes(), sidecar_of(out).read_bytes()) == before
