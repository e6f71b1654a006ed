import errno
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.fakes import RecordedProgress
from tests.image.pictures import ArraySource, boxes, noise
from tests.image.test_halving import slow_halve
from tiler.core.geometry import Box
from tiler.core.plan import make_plan
from tiler.errors import OutputError
from tiler.image.halving import halve
from tiler.image.level_file import LevelWriter
from tiler.image.pyramid import build
from tiler.progress import Silent


def pillow_resize(pixels, shape):
    """Return the pixels resized in one piece by Pillow, each channel in float, not rounded."""
    planes = [Image.fromarray(pixels[..., c].astype(np.float32)) for c in range(3)]
    cubic = [np.asarray(plane.resize(shape[::-1], Image.Resampling.BICUBIC)) for plane in planes]
    return np.clip(np.stack(cubic, axis=2), 0, np.iinfo(pixels.dtype).max)


@st.composite
def pictures(draw, most_px=90):
    shape = draw(st.tuples(st.integers(1, most_px), st.integers(1, most_px)))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    plan = make_plan(shape, guide_px=draw(st.integers(4, 30)), tile_px=32, overlap_px=8)
    source = ArraySource(noise((*shape, 3), dtype, seed=draw(st.integers(0, 9))), random_access=draw(st.booleans()))
    return source, plan.shapes


bands = st.integers(1, 50).map(lambda half: 2 * half)


@given(st.data(), pictures(), bands, st.integers(1, 3))
def test_one_pass_in_bands_makes_the_levels_of_the_picture_in_memory(
    tmp_path_factory, data, picture, band_rows, threads
):
    source, shapes = picture
    scratch = tmp_path_factory.mktemp("scratch")
    pyramid = build(source, shapes, scratch, Silent(), threads=threads, band_rows=band_rows)
    assert pyramid.dtype == source.dtype
    whole = source.pixels
    for level, shape in enumerate(shapes):
        is_base = level == len(shapes) - 1 and level > 0
        box = data.draw(boxes(shape))
        got = pyramid.read(level, box)
        if is_base:
            difference = got.astype(float) - pillow_resize(whole, shape)[box.slices]
            assert np.abs(difference).max() <= 0.5 + 2e-6 * np.iinfo(source.dtype).max
        else:
            whole = whole if level == 0 else slow_halve(whole)
            np.testing.assert_array_equal(got, whole[box.slices])
        assert got.dtype == source.dtype


@settings(max_examples=25)
@given(pictures(), bands, st.integers(0, 255))
def test_a_constant_picture_stays_constant(tmp_path_factory, picture, band_rows, value):
    source, shapes = picture
    source.pixels = np.full_like(source.pixels, value * (np.iinfo(source.dtype).max // 255))
    pyramid = build(source, shapes, tmp_path_factory.mktemp("scratch"), Silent(), band_rows=band_rows)
    for level, shape in enumerate(shapes):
        assert np.unique(pyramid.read(level, Box.whole(shape))).tolist() == [source.pixels[0, 0, 0]]


def test_a_long_picture_is_resized_in_bands(tmp_path):
    source = ArraySource(noise((4000, 40, 3), np.uint8))
    shapes = ((4000, 40), (2900, 29))
    pyramid = build(source, shapes, tmp_path, Silent(), band_rows=100)
    difference = pyramid.read(1, Box.whole(shapes[1])) - pillow_resize(source.pixels, shapes[1])
    assert np.abs(difference).max() <= 0.501


def test_a_picture_that_can_be_read_in_any_order_is_not_copied(tmp_path):
    build(ArraySource(noise((50, 40, 3), np.uint8)), ((50, 40), (25, 20)), tmp_path, Silent())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.level", "1.level.sums"]


def test_progress_counts_the_bands(tmp_path):
    progress = RecordedProgress()
    source = ArraySource(noise((50, 40, 3), np.uint8), random_access=False)
    build(source, ((50, 40), (25, 20), (15, 12)), tmp_path, progress, band_rows=16)
    assert progress.stages == [("read and halve", 4)]
    assert progress.steps == [4]


def test_a_full_disk_says_how_much_was_needed_and_where(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LevelWriter, "append", refuse)
    source = ArraySource(np.zeros((5000, 6000, 3), np.uint8), random_access=False)
    with pytest.raises(OutputError, match=r"the disk is full; this picture needs 112 MB") as error:
        build(source, ((5000, 6000), (2500, 3000)), tmp_path, Silent())
    assert str(tmp_path) in error.value.what


def test_another_error_of_the_disk_is_not_called_full(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(LevelWriter, "append", refuse)
    with pytest.raises(OutputError, match="Input/output error"):
        build(ArraySource(noise((50, 40, 3), np.uint8)), ((50, 40), (25, 20)), tmp_path, Silent())


def test_the_plan_halves_as_the_pyramid_does():
    shapes = make_plan((1001, 777), guide_px=64, tile_px=64, overlap_px=16).shapes
    for above, below in pairwise(shapes[:-1]):
        assert halve(np.zeros((*above, 3), np.uint8)).shape[:2] == below


@given(pictures(), bands)
def test_the_base_of_a_picture_that_wraps_is_the_middle_of_three_side_by_side(tmp_path_factory, picture, band_rows):
    source, shapes = picture
    wrapped = build(source, shapes, tmp_path_factory.mktemp("scratch"), Silent(), wraps=True, band_rows=band_rows)
    base = len(shapes) - 1
    if base == 0:
        return
    above = wrapped.read(base - 1, Box.whole(shapes[base - 1]))
    width = shapes[base][1]
    middle = pillow_resize(np.tile(above, (1, 3, 1)), (shapes[base][0], 3 * width))[:, width : 2 * width]
    difference = wrapped.read(base, Box.whole(shapes[base])) - middle
    assert np.abs(difference).max() <= 0.5 + 2e-6 * np.iinfo(source.dtype).max


def test_what_can_be_read_once_only_is_read_from_top_to_bottom(tmp_path):
    source = ArraySource(noise((90, 40, 3), np.uint8), random_access=False)
    starts, read = [], source.read
    source.read = lambda box: starts.append(box.rows.start) or read(box)
    build(source, ((90, 40), (45, 20), (15, 12)), tmp_path, Silent(), threads=4, band_rows=10)
    assert starts == list(range(0, 90, 10))
