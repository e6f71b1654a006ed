import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.image.pictures import boxes, soft_disc
from tiler.core.compositing import over, srgb_curve
from tiler.core.geometry import Box
from tiler.core.light import Light
from tiler.image.layers.own_background import Beneath, OwnBackground, blurred_background
from tiler.progress import Silent

SHAPE = (90, 110)
ALPHA = soft_disc(SHAPE)
RED = np.array([60000, 3000, 2000], np.uint16)


def scene(curve, dtype=np.uint16, seed=0):
    """A red disc before a soft picture: the picture, the disc's colours, what lies behind."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    behind = np.stack([y * 500, x * 400, (x + y) * 200], axis=-1) + np.random.default_rng(seed).integers(
        0, 999, (*SHAPE, 3)
    )
    white = np.iinfo(dtype).max
    behind = np.rint(behind * (white / 65535)).astype(dtype)
    front = np.broadcast_to(np.rint(RED * (white / 65535)).astype(dtype), (*SHAPE, 3))
    return over(front, behind, ALPHA, curve), front, behind


def beneath(picture, front, curve):
    return Beneath(
        SHAPE,
        lambda box: picture[box.slices],
        lambda box: (front[box.slices], ALPHA[box.slices]),
        Light(curve, picture.dtype),
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("curve", [None, srgb_curve()], ids=["samples", "light"])
def test_over_it_the_cutout_is_the_picture_again(tmp_path, curve, dtype):
    picture, front, behind = scene(curve, dtype)
    below = beneath(picture, front, curve)
    with blurred_background(below, 12, tmp_path, Silent()) as soft:
        found = OwnBackground(below, soft).read(Box.whole(SHAPE))
    assert found.dtype == dtype
    again = over(front, found, ALPHA, curve).astype(float)
    assert np.abs(again - picture).max() <= np.iinfo(dtype).max / 255
    assert np.abs(again - picture).mean() <= np.iinfo(dtype).max / 2550
    np.testing.assert_array_equal(found[ALPHA == 0], picture[ALPHA == 0])
    seen = ALPHA < 40000
    assert np.abs(found.astype(float) - behind)[seen].max() <= np.iinfo(dtype).max / 40


@pytest.mark.parametrize("sigma", [3, 20])
def test_blurred_it_has_nothing_of_the_foreground(tmp_path, sigma):
    curve = srgb_curve()
    flat = np.full((*SHAPE, 3), 20000, np.uint16)
    _, front, _ = scene(curve)
    with blurred_background(beneath(over(front, flat, ALPHA, curve), front, curve), sigma, tmp_path, Silent()) as soft:
        found = soft.read(Box.whole(SHAPE))
    # Deep in the foreground no background is near, and the picture stands in.
    assert np.abs(found.astype(int) - 20000)[ALPHA < 65535].max() <= 700
    assert np.abs(found.astype(int) - 20000)[ALPHA == 0].max() <= 100


@settings(max_examples=15)
@given(st.data())
def test_a_box_is_a_part_of_the_whole(tmp_path_factory, data):
    curve = srgb_curve()
    picture, front, _ = scene(curve, np.uint8)
    below, box = beneath(picture, front, curve), data.draw(boxes(SHAPE))
    with blurred_background(below, 12, tmp_path_factory.mktemp("scratch"), Silent()) as soft:
        for one in (soft, OwnBackground(below, soft)):
            np.testing.assert_array_equal(one.read(box), one.read(Box.whole(SHAPE))[box.slices])
