import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.guides import seeds
from tiler.core import foreground as module
from tiler.core.foreground import cell_px, foreground, needed, solve_cells
from tiler.core.geometry import Box, Span

STEP = 1 / 65535
sides = st.integers(1, 150)


def cell_means(plane, side):
    rows, cols = (-size % side for size in plane.shape)
    padded = np.pad(plane, ((0, rows), (0, cols)), mode="edge")
    return padded.reshape(padded.shape[0] // side, side, -1, side).mean(axis=(1, 3), dtype=np.float64)


def cells_of(planes, alpha, top=1.0):
    side = cell_px(alpha.shape)
    means = [cell_means(plane, side).astype(np.float32) for plane in (*planes, alpha)]
    return solve_cells(alpha.shape, means[:-1], means[-1], top)


def found(box, planes, alpha, cells, top=1.0):
    window = needed(box, cells).slices
    return np.stack(foreground(box, [plane[window] for plane in planes], alpha[window], cells, top))


def whole(planes, alpha, top=1.0):
    return found(Box.whole(alpha.shape), planes, alpha, cells_of(planes, alpha, top), top)


def scene(height, width, seed):
    """Colours and an alpha with saturated parts, soft parts and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 3) - max(height, width) / 4
    alpha = np.clip(0.5 - distance / rng.uniform(1, 30), 0, 1)
    alpha[:: rng.integers(2, 9)] *= rng.random()
    return rng.random((2, height, width), np.float32), alpha.astype(np.float32)


@given(sides, sides, seeds, st.data())
def test_any_window_holds_to_the_bit_what_the_whole_does(height, width, seed, data):
    planes, alpha = scene(height, width, seed)
    rows, cols = (
        Span(*sorted(data.draw(st.lists(st.integers(0, size), min_size=2, max_size=2, unique=True))))
        for size in (height, width)
    )
    box, cells = Box(rows, cols), cells_of(planes, alpha)
    np.testing.assert_array_equal(
        found(box, planes, alpha, cells), whole(planes, alpha)[:, *box.slices], err_msg=str(box)
    )


@pytest.mark.parametrize("most_cells", [1, 20, 100])
def test_larger_cells_are_as_exact(monkeypatch, most_cells):
    monkeypatch.setattr(module, "MOST_CELLS", most_cells)
    planes, alpha = scene(143, 201, seed=3)
    cells = cells_of(planes, alpha)
    assert cells.side_px > module.CELL_PX
    box = Box(Span(50, 77), Span(101, 160))
    np.testing.assert_array_equal(found(box, planes, alpha, cells), whole(planes, alpha)[:, *box.slices])


@given(sides, sides, seeds, st.floats(0, 1), st.floats(0, 1))
def test_flat_colours_come_out_flat(height, width, seed, front, back):
    _, alpha = scene(height, width, seed)
    mixed = np.rint((alpha * front + (1 - alpha) * back) * 65535).astype(np.float32) / np.float32(65535)
    foregrounds = whole([mixed], alpha)[0]
    # What is not seen cannot be known.
    seen = alpha > 0.2
    if np.ptp(alpha) > 0.5:
        # The picture is rounded to half a step, and a pixel's own colour is divided by its alpha.
        assert np.abs(foregrounds - np.float32(front))[seen].max(initial=0) <= 1.5 * STEP


def test_where_all_is_foreground_it_is_the_picture():
    planes, _ = scene(60, 70, seed=1)
    got = whole(planes, np.ones((60, 70), np.float32))
    np.testing.assert_allclose(got, planes, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_an_alpha_that_is_the_same_everywhere_gives_the_colours_that_are_there(share):
    planes, _ = scene(60, 70, seed=1)
    got = whole(planes, np.full((60, 70), share, np.float32))
    assert np.isfinite(got).all()
    assert 0 <= got.min() <= got.max() <= 1
    flat = whole([np.full((60, 70), 0.3, np.float32)], np.full((60, 70), share, np.float32))
    np.testing.assert_allclose(flat, 0.3, atol=STEP)


def test_light_above_white_stays():
    alpha = np.linspace(0, 1, 100, dtype=np.float32) * np.ones((80, 1), np.float32)
    got = whole([alpha * 7 + (1 - alpha) * 0.5], alpha, top=None)
    np.testing.assert_allclose(got[0][:, 40:], 7, rtol=1e-4)


@given(st.integers(1, 3_000_000), st.integers(1, 3_000_000))
def test_cells_can_be_held_in_memory(height, width):
    side = cell_px((height, width))
    assert -(-height // side) * -(-width // side) <= module.MOST_CELLS
    assert side >= module.CELL_PX
