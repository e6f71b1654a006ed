import numpy as np
import pytest
from PIL import Image

import tiler
from tests.fakes import RecordedProgress
from tests.test_run import Fake
from tiler.estimate import estimate

SMALL = {"guide_px": 64, "tile_px": 64, "overlap_px": 16, "threads": 2, "views": 1, "network_levels": "all"}


@pytest.fixture
def photo(tmp_path):
    y, x = np.mgrid[:900, :1300]
    red = np.clip((0.3 - np.hypot(y - 450, x - 500) / 900) * 40 + 0.5, 0, 1) * 255
    path = tmp_path / "photo.png"
    Image.fromarray(np.stack([red, 255 - red, red // 2], axis=-1).astype(np.uint8)).save(path)
    return path


def test_all_tiles_are_counted_and_those_that_run_are_foretold_within_a_third(photo, tmp_path):
    settings = tiler.Settings.of(**SMALL)
    forecast = estimate(photo, settings, RecordedProgress(), model=Fake())
    report = tiler.matte(photo, tmp_path / "out.png", settings, model=Fake())
    ran = {level.level: level for level in report.levels}
    for level in forecast.levels:
        assert level.tiles == ran[level.level].tiles_run + ran[level.level].tiles_skipped
        assert level.uncertain_tiles < level.tiles or level.level >= len(ran) - 2
    assert forecast.levels[-2].uncertain_tiles == ran[len(ran) - 2].tiles_run
    likely = sum(level.uncertain_tiles for level in forecast.levels)
    assert report.tiles_run <= likely <= 1.34 * report.tiles_run


def test_dense_is_all_and_small_pictures_are_their_own_base(photo, tmp_path):
    forecast = estimate(photo, tiler.Settings.of(**SMALL, route="dense"), RecordedProgress(), model=Fake())
    assert all(level.uncertain_tiles == level.tiles for level in forecast.levels)
    Image.new("RGB", (60, 50)).save(tmp_path / "tiny.png")
    forecast = estimate(tmp_path / "tiny.png", tiler.Settings.of(**SMALL), RecordedProgress(), model=Fake())
    assert [level.tiles for level in forecast.levels] == [1]


def test_without_detail_no_tile_is_foretold_but_those_of_the_base_and_of_dense_levels(photo):
    for dense_levels in (0, 1):
        settings = tiler.Settings.of(**SMALL, detail="none", dense_levels=dense_levels)
        levels = estimate(photo, settings, RecordedProgress(), model=Fake()).levels
        ran = [level.uncertain_tiles for level in levels]
        first = len(levels) - 1 - dense_levels
        assert ran == [0] * first + [level.tiles for level in levels[first:]]


def test_nothing_is_left_and_every_stage_ends(photo, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    progress = RecordedProgress()
    forecast = estimate(photo, tiler.Settings.of(**SMALL, work_dir=work), progress, model=Fake())
    assert list(work.iterdir()) == []
    assert [total for _, total in progress.stages] == progress.steps
    assert forecast.tile_s > 0
    lines = forecast.table().splitlines()
    assert len({len(line) for line in lines[: len(forecast.levels) + 2]}) == 1
    assert "1300 x 900" in lines[1]
