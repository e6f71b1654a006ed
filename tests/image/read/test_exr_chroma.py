import numpy as np
import pytest

from tiler.image.read.exr import REC_709
from tiler.image.read.exr_chroma import FILTER, colours_of

SHAPE = (41, 60)
ROWS, COLS = np.mgrid[: SHAPE[0], : SHAPE[1]] / 20
RGB = np.stack([1.2 + np.sin(ROWS), 1.5 + np.cos(COLS), 1.1 + np.sin(ROWS + COLS) / 2], axis=2)
SHARES = np.array([0.2126, 0.7152, 0.0722])


def chroma(rgb, half):
    y = rgb @ SHARES
    step = 2 if half else 1
    return y, ((rgb[..., 0] - y) / y)[::step, ::step], ((rgb[..., 2] - y) / y)[::step, ::step]


def test_the_filter_keeps_a_constant():
    assert sum(FILTER) == pytest.approx(0.5, abs=1e-5)


def test_full_chroma_gives_the_colours_back():
    np.testing.assert_allclose(colours_of(*chroma(RGB, False), REC_709), RGB, atol=2e-4)


def test_chroma_of_half_size_gives_smooth_colours_back():
    found = colours_of(*chroma(RGB, True), REC_709)
    assert found.shape == (*SHAPE, 3)
    assert found.dtype == np.float32
    inside = np.abs(found - RGB)[14:-14, 14:-14]
    assert inside.max() < 1e-3
    assert np.abs(found - RGB).max() < 0.1


def test_grey_stays_grey_to_the_border():
    y = np.random.default_rng(0).random(SHAPE)
    nothing = np.zeros((21, 30))
    np.testing.assert_allclose(colours_of(y, nothing, nothing, REC_709), np.dstack([y] * 3), atol=1e-5)


def test_chroma_of_another_size_is_refused():
    with pytest.raises(ValueError, match="chroma is of another size"):
        colours_of(np.ones((8, 8)), np.ones((3, 4)), np.ones((4, 4)), REC_709)
