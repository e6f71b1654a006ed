import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tiler.fuse import CELL_GUIDE_PX, REACH, SURE, TOLERANCE, Cells, fuse
from tiler.geometry import Axis

LIES = ["zeros", "ones", "half", "noise", "inverse", "stripes", "shifted"]
sides = st.integers(1, 150)
guide_pxs = st.floats(1.0, 2.4)


def soft_guide(shape, seed):
    """A guide as a network leaves it: sure plateaus, soft edges, some fog."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.random(shape), rng.uniform(2, 12), mode="wrap")
    spread = noise.std() or 1.0
    return np.clip((noise - noise.mean()) / spread * rng.uniform(0.3, 2) + 0.5, 0, 1).astype(np.float32)


def lie_of(kind, guide, seed):
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.random(guide.shape, np.float32)
    if kind == "inverse":
        return 1 - guide
    if kind == "stripes":
        return np.broadcast_to((np.arange(guide.shape[1]) // 3 % 2).astype(np.float32), guide.shape).copy()
    if kind == "shifted":
        return np.roll(guide, 9, axis=(0, 1))
    return np.full(guide.shape, {"zeros": 0.0, "ones": 1.0, "half": 0.5}[kind], np.float32)


def colours(shape, seed):
    return (np.random.default_rng(seed + 1).random((*shape, 3)) * 255).astype(np.float32)


def neighbourhood_means(plane, guide_px):
    """The means over squares of eight guide pixels, by brute force."""
    side = REACH * max(1, round(CELL_GUIDE_PX * guide_px))
    height, width = plane.shape
    return [plane[y : y + side, x : x + side].mean() for y in range(0, height, side) for x in range(0, width, side)]


@given(sides, sides, guide_pxs, st.sampled_from(LIES), st.integers(0, 999))
def test_law_2_whatever_the_tile_says_neighbourhoods_keep_the_guides_mean(height, width, guide_px, lie, seed):
    guide = soft_guide((height, width), seed)
    fused = fuse(lie_of(lie, guide, seed), guide, colours(guide.shape, seed), guide_px)
    assert fused.dtype == np.float32
    assert fused.shape == guide.shape
    assert fused.min() >= 0
    assert fused.max() <= 1
    assert np.abs(neighbourhood_means(fused - guide, guide_px)).max() <= TOLERANCE + 1e-5


@given(sides, sides, guide_pxs, st.sampled_from(LIES), st.integers(0, 999))
def test_where_the_guide_is_sure_nothing_changes(height, width, guide_px, lie, seed):
    guide = soft_guide((height, width), seed)
    fused = fuse(lie_of(lie, guide, seed), guide, colours(guide.shape, seed), guide_px)
    sure = (guide <= SURE) | (guide >= 1 - SURE)
    assert (fused[sure] == guide[sure]).all()


@pytest.mark.parametrize("lie", LIES)
def test_law_2_holds_in_every_window_where_two_tiles_cross_fade(lie):
    """Two tiles that lie differently, blended by a ramp of 64 px: any window of eight guide pixels, not the grid's."""
    axis = Axis.tiled(700, 512, 128)
    guide = soft_guide((300, 700), 3)
    rgb = colours(guide.shape, 3)
    blended = np.zeros_like(guide)
    for n in range(axis.count):
        read, support = axis.read(n), axis.support(n)
        tile = lie_of(lie if n else "noise", guide[:, read.slice], n)
        fused = fuse(tile, guide[:, read.slice], rgb[:, read.slice], 2.0)
        blended[:, support.slice] += axis.ramp(n) * fused[:, support.shift(-read.start).slice]
    means = ndimage.uniform_filter(blended - guide, REACH * 4)
    assert np.abs(means[16:-16, 16:-16]).max() <= 2 * TOLERANCE


@given(st.integers(20, 150), guide_pxs, st.integers(0, 99))
def test_a_flat_tile_on_flat_colours_takes_nothing_from_the_guide(side, guide_px, seed):
    """With no detail to offer there is no detail to take: what is left is the guide, at most a little smoother."""
    guide = ndimage.gaussian_filter(soft_guide((side, side), seed), 6)
    fused = fuse(np.full_like(guide, 0.5), guide, np.full((side, side, 3), 99, np.float32), guide_px)
    assert np.abs(fused - guide).mean() < 0.02


def strands(side, seed):
    """Thin dark lines on white ground: alpha, colours."""
    y, x = np.mgrid[:side, :side]
    rng = np.random.default_rng(seed)
    alpha = np.zeros((side, side))
    for _ in range(12):
        angle, at, bend = rng.uniform(0, np.pi), rng.uniform(0, side), rng.uniform(-0.002, 0.002)
        distance = np.abs(
            (x - side / 2) * np.cos(angle) + (y - side / 2) * np.sin(angle) + bend * (y - at) ** 2 - at / 4
        )
        alpha = np.maximum(alpha, np.clip(2 - distance, 0, 1))
    alpha = np.maximum(alpha, np.clip((side / 3 - np.hypot(y - side / 2, x - side / 2)) / 4, 0, 1)).astype(np.float32)
    rgb = (alpha[..., None] * [60, 40, 30] + (1 - alpha[..., None]) * [230, 235, 240]).astype(np.float32)
    return alpha, rgb


@pytest.mark.parametrize("seed", range(5))
def test_a_tile_that_is_right_sharpens_what_the_guide_has_blurred(seed):
    truth, rgb = strands(160, seed)
    guide = ndimage.gaussian_filter(truth, 3)
    error = np.mean((fuse(truth, guide, rgb, 2.0) - truth) ** 2)
    assert error < 0.5 * np.mean((guide - truth) ** 2)


@pytest.mark.parametrize("seed", range(5))
def test_colours_sharpen_even_where_the_tile_is_empty(seed):
    """A tile of hair may come back with no person in it."""
    truth, rgb = strands(160, seed)
    guide = ndimage.gaussian_filter(truth, 3)
    error = np.mean((fuse(np.zeros_like(truth), guide, rgb, 2.0) - truth) ** 2)
    assert error < 0.9 * np.mean((guide - truth) ** 2)


@given(sides, sides, st.integers(1, 9), st.integers(0, 99))
def test_cells_average_as_the_definition_says(height, width, cell_px, seed):
    plane = np.random.default_rng(seed).random((height, width), np.float32)
    cells = Cells(plane.shape, cell_px, np.arange(plane.size))
    expected = [
        [plane[y : y + cell_px, x : x + cell_px].mean() for x in range(0, width, cell_px)]
        for y in range(0, height, cell_px)
    ]
    np.testing.assert_allclose(cells.mean(plane), expected, atol=1e-5)
    np.testing.assert_allclose(cells.share(plane.ravel()), expected, atol=1e-5)
    np.testing.assert_allclose(cells.mean(np.dstack([plane] * 3))[..., 2], expected, atol=1e-5)


@given(sides, sides, st.integers(1, 9), st.floats(-2, 2), st.floats(-2, 2))
def test_between_cells_a_slope_stays_a_slope(height, width, cell_px, down, across):
    y, x = np.mgrid[:height, :width].astype(np.float32)
    plane = down * y + across * x
    inner = (y + 1 > cell_px / 2) & (x + 1 > cell_px / 2)
    inner &= (y < height // cell_px * cell_px - cell_px / 2) & (x < width // cell_px * cell_px - cell_px / 2)
    cells = Cells(plane.shape, cell_px, np.arange(plane.size))
    found = cells.at_pixels(cells.mean(plane)).reshape(plane.shape)
    np.testing.assert_allclose(found[inner], plane[inner], atol=2e-3)


def test_the_tile_is_not_written_to():
    guide = soft_guide((40, 50), 1)
    tile, rgb = lie_of("noise", guide, 1), colours(guide.shape, 1)
    kept = [array.copy() for array in (tile, guide, rgb)]
    fuse(tile, guide, rgb, 2.0)
    assert all((a == b).all() for a, b in zip((tile, guide, rgb), kept, strict=True))
