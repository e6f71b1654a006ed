import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import RecordedProgress
from tests.image.pictures import ArraySource, noise
from tiler.core.geometry import Box
from tiler.core.plan import make_plan
from tiler.image.own_alpha import OPAQUE, WithoutAlpha, seen, split, straight, times
from tiler.image.pyramid import build

SHAPE = (70, 90)


def source(dtype, colours=3):
    return ArraySource(noise((*SHAPE, colours + 1), dtype), has_alpha=True)


@given(st.integers(0, 65535), st.integers(0, 65535))
def test_the_product_is_rounded_to_the_nearest_and_1_is_neutral(one, other):
    def product(a, b):
        return int(times(np.array([a], np.uint16), np.array([b], np.uint16))[0])

    assert abs(product(one, other) - one * other / 65535) <= 0.5
    assert product(one, OPAQUE) == product(OPAQUE, one) == one
    assert product(one, 0) == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_seen_is_the_picture_where_it_is_opaque_and_grey_where_it_is_not(dtype):
    picture = source(dtype)
    top = np.iinfo(dtype).max
    picture.pixels[:20, :, 3], picture.pixels[20:40, :, 3] = top, 0
    found = seen(picture.pixels, picture)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[:20], picture.pixels[:20, :, :3])
    assert np.unique(found[20:40]).tolist() == [top // 2 + 1]
    share = picture.pixels[40:, :, 3:] / top
    wanted = picture.pixels[40:, :, :3] * share + (top // 2 + 1) * (1 - share)
    assert np.abs(found[40:] - wanted).max() <= 0.51


def test_floats_are_seen_on_the_curve_of_srgb_and_odd_alphas_are_cut():
    pixels = np.ones((1, 4, 4), np.float32)
    pixels[0, :, 3] = [np.nan, -1, 2, 1]
    picture = ArraySource(pixels, has_alpha=True)
    np.testing.assert_array_equal(seen(pixels, picture)[0, :, 0], [32768, 32768, 65535, 65535])
    np.testing.assert_array_equal(split(pixels, picture)[1][0, :, 0], [0, 0, 65535, 65535])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_dividing_undoes_multiplying_up_to_rounding(dtype):
    top = np.iinfo(dtype).max
    colours, alpha = noise((*SHAPE, 3), dtype), noise((*SHAPE, 1), dtype, 1)
    multiplied = np.rint(colours * (alpha / top)).astype(dtype)
    found = straight(np.dstack([multiplied, alpha]))
    np.testing.assert_array_equal(found[..., 3:], alpha)
    off = np.abs(found[..., :3].astype(float) - colours)
    assert (off <= 0.5 * top / np.maximum(alpha, 1) + 0.51)[np.broadcast_to(alpha > 0, off.shape)].all()


def test_floats_are_divided_and_not_cut_and_stay_where_the_alpha_is_0():
    pixels = np.array([[[4, 1, 0.5, 0.5], [3, 2, 1, 0]]], np.float32)
    np.testing.assert_array_equal(straight(pixels), [[[8, 2, 1, 0.5], [3, 2, 1, 0]]])


@pytest.mark.parametrize("in_any_order", [True, False])
@pytest.mark.parametrize(("dtype", "colours"), [(np.uint8, 3), (np.uint16, 1), (np.float32, 3), (np.uint8, 4)])
def test_no_level_of_the_pyramid_shows_what_lies_under_transparency(tmp_path, dtype, colours, in_any_order):
    def pixels(under):
        made = np.full((*SHAPE, colours + 1), 60 if dtype == np.uint8 else 0.2, dtype)
        made[..., -1] = 1 if dtype == np.float32 else np.iinfo(dtype).max
        made[30:, :, -1] = 0
        made[30:, :, :-1] = under
        return made

    shapes = make_plan(SHAPE, guide_px=16, tile_px=32, overlap_px=8).shapes
    pyramids = [
        build(
            ArraySource(pixels(under), random_access=in_any_order, has_alpha=True),
            shapes,
            tmp_path / str(under),
            RecordedProgress(),
        )
        for under in (0, 1)
    ]
    for level, shape in enumerate(shapes):
        one, other = (pyramid.read(level, Box.whole(shape)) for pyramid in pyramids)
        assert one.shape == (*shape, 3)
        np.testing.assert_array_equal(one, other)


def test_an_alpha_may_be_left_out():
    picture = WithoutAlpha(source(np.uint8))
    assert not picture.has_alpha
    assert (picture.shape, picture.colour, picture.dtype) == (SHAPE, "rgb", np.uint8)
    np.testing.assert_array_equal(picture.read(Box.whole(SHAPE)), picture.source.pixels[..., :3])
