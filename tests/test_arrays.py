import gc

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from PIL import Image

import tiler
from tests.fakes import RecordedProgress
from tests.test_run import Fake

SMALL = tiler.Settings.of(guide_px=48, tile_px=48, overlap_px=12, threads=2)


def pixels(shape=(150, 130, 3), dtype=np.uint8):
    y, x = np.mgrid[: shape[0], : shape[1]]
    red = np.clip((0.35 - np.hypot(y - shape[0] / 2, x - shape[1] / 2) / shape[1]) * 12 + 0.5, 0, 1)
    rgb = np.stack([red, 1 - red, red / 2], axis=-1)
    eight = np.rint(rgb * 255).astype(np.uint8)
    if dtype == np.uint8:
        return eight
    return eight.astype(np.uint16) * np.uint16(257) if dtype == np.uint16 else (eight / 255).astype(dtype)


def alpha(image, settings=SMALL):
    return tiler.alpha(image, settings, model=Fake())


def test_it_is_the_alpha_of_the_file(tmp_path):
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    wanted = SMALL.with_options(alpha_only=True, bits=16)
    tiler.matte(tmp_path / "a.png", tmp_path / "out.png", wanted, model=Fake())
    found = alpha(pixels())
    assert found.dtype == np.float32
    assert (np.rint(found * 65535) == np.asarray(Image.open(tmp_path / "out.png"))).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_every_depth_of_the_same_picture_has_the_same_alpha(dtype):
    difference = np.abs(alpha(pixels(dtype=dtype)) - alpha(pixels()))
    # Levels of 8 bits are rounded more coarsely; a fuse may make a few steps of one.
    assert difference.mean() < 1e-3
    assert difference.max() < 0.1


def test_every_kind_of_picture_is_taken():
    rgb = pixels()
    same = alpha(rgb)
    assert (alpha(Image.fromarray(rgb)) == same).all()
    assert (alpha(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])) == same).all()
    grey = rgb[..., 0]
    assert (alpha(grey) == alpha(np.repeat(grey[..., None], 3, axis=2))).all()
    assert (alpha(Image.fromarray(grey)) == alpha(grey[..., None])).all()
    assert (alpha(np.dstack([grey, np.full_like(grey, 255)])) == alpha(grey)).all()


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_alpha_of_its_own_is_multiplied_into_the_result(lazy, dtype):
    rgb = pixels(dtype=dtype)
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    half = np.full(rgb.shape[:2], top, dtype)
    half[:, :40] = 0
    rgba = np.dstack([rgb, half])
    found = alpha(da.from_array(rgba, chunks=64)).compute() if lazy else alpha(rgba)
    assert found.dtype == np.float32
    assert not found[:, :40].any()
    ignored = SMALL.with_options(ignore_alpha=True)
    assert (alpha(rgba, ignored) == alpha(rgb)).all()
    # What lies under transparency is not seen.
    rgba[:, :40, :3] = top
    assert (alpha(rgba) == found).all()


def test_a_dask_or_zarr_array_gives_a_lazy_alpha_that_is_the_same(tmp_path):
    rgb = pixels()
    stored = zarr.create_array(tmp_path / "a.zarr", shape=rgb.shape, chunks=(64, 64, 3), dtype=rgb.dtype)
    stored[:] = rgb
    for image in (da.from_array(rgb, chunks=(40, 50, 3)), stored):
        lazy = alpha(image)
        assert isinstance(lazy, da.Array)
        assert (lazy.shape, lazy.dtype) == (rgb.shape[:2], np.float32)
        assert (lazy.compute() == alpha(rgb)).all()
        assert (lazy[20:90, 30:70].compute() == alpha(rgb)[20:90, 30:70]).all()


def test_scratch_files_go_with_the_array(tmp_path):
    settings = SMALL.with_options(work_dir=tmp_path)
    alpha(pixels(), settings)
    assert list(tmp_path.iterdir()) == []
    lazy = alpha(da.from_array(pixels(), chunks=64), settings)
    (folder,) = tmp_path.iterdir()
    part = lazy[:10]
    del lazy
    gc.collect()
    assert folder.exists()
    assert part.compute().shape == (10, 130)
    del part
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_what_fails_leaves_no_scratch_files(tmp_path):
    class Fails(Fake):
        def alpha(self, _rgb):
            raise MemoryError

    with pytest.raises(tiler.ModelError):
        tiler.alpha(pixels(), SMALL.with_options(work_dir=tmp_path), model=Fails())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((3, 40, 50), np.uint8), r"shape \(3, 40, 50\) and dtype uint8"),
        (np.zeros((40,), np.uint8), r"shape \(40,\)"),
        (np.zeros((0, 50, 3), np.uint8), "no pixels"),
        (np.zeros((40, 50, 3), np.int32), "dtype int32"),
        (np.zeros((40, 50, 3), bool), "dtype bool"),
        (np.zeros((40, 50, 5), np.uint8), r"shape \(40, 50, 5\)"),
        (np.full((40, 50, 3), np.nan, np.float32), "holds nan"),
        (np.full((40, 50, 3), 255.0), "holds 255.0"),
        ([[1, 2], [3, 4]], "dtype list"),
        ("photo.tif", "dtype str"),
        (np.zeros((40, 50, 3), object), "dtype object"),
    ],
)
def test_an_array_that_is_no_picture_is_refused_with_what_was_found_and_wanted(image, says):
    with pytest.raises(tiler.InputError, match=says) as error:
        alpha(image)
    assert "uint8, uint16, or floats" in str(error.value) or "floats in 0..1" in str(error.value)


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([np.uint8, np.uint16, np.float32]))
@examples(max_examples=10)
def test_any_size_from_one_pixel_up(height, width, dtype):
    found = alpha(np.ones((height, width, 3), dtype))
    assert found.shape == (height, width)
    assert ((found >= 0) & (found <= 1)).all()


def test_progress_hears_of_it():
    progress = RecordedProgress()
    tiler.alpha(pixels(), SMALL, progress, model=Fake())
    assert [total for _, total in progress.stages] == progress.steps
