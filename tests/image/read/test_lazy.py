import numpy as np
import pytest
import tifffile

import tiler
from tests.test_run import Fake
from tiler.errors import InputError
from tiler.image.read.lazy import open_lazily

SMALL = {"guide_px": 48, "tile_px": 48, "overlap_px": 12, "threads": 2}


@pytest.fixture
def photo(tmp_path):
    y, x = np.mgrid[:700, :600]
    path = tmp_path / "photo.tif"
    tifffile.imwrite(path, np.stack([x % 256, y % 256, (x + y) % 256], axis=-1).astype(np.uint8), photometric="rgb")
    return path


@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp", ".zarr", ".exr"])
@pytest.mark.parametrize("alpha_only", [False, True])
def test_a_report_opens_its_output_lazily(photo, tmp_path, suffix, alpha_only):
    if suffix == ".exr":
        pytest.importorskip("OpenEXR")
    out = tmp_path / f"out{suffix}"
    report = tiler.matte(photo, out, tiler.Settings.of(**SMALL, alpha_only=alpha_only, colours="source"), model=Fake())
    picture = report.open()
    if alpha_only and suffix != ".webp":
        assert picture.shape == (700, 600)
    else:
        assert picture.shape == (700, 600, 3 if alpha_only else 4)
    if suffix in (".tif", ".png", ".webp") and not alpha_only:
        with_alpha = np.asarray(picture)
        assert (with_alpha[..., :3] == tifffile.imread(photo)).all()
        assert 0 <= with_alpha[..., 3].min() < with_alpha[..., 3].max()
    assert (picture[100:103, 7:9].compute() == picture.compute()[100:103, 7:9]).all()


def test_the_full_size_of_a_pyramid_is_opened(photo, tmp_path):
    report = tiler.matte(photo, tmp_path / "out.tif", tiler.Settings.of(**SMALL, pyramid=True), model=Fake())
    assert report.open().shape == (700, 600, 4)


def test_an_output_that_is_gone_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.tif"):
        open_lazily(tmp_path / "gone.tif")
