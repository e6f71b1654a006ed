import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.guides import ROUNDING, seeds, sides
from tiler.core.sampling import interpolated, local_mean, sampled, solved


@given(sides, sides, st.integers(0, 20), seeds)
def test_local_mean_is_the_mean_of_the_pixels_that_there_are(height, width, radius, seed):
    rng = np.random.default_rng(seed)
    values = rng.random((height, width), np.float32)
    y, x = rng.integers(height), rng.integers(width)
    expected = values[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1].mean()
    assert local_mean(values, radius)[y, x] == pytest.approx(expected, abs=ROUNDING)


@given(sides, sides, st.integers(1, 5), st.integers(0, 5), seeds)
def test_samples_are_the_means_of_squares_of_which_the_last_goes_on_as_it_ends(height, width, side, apart, seed):
    rng = np.random.default_rng(seed)
    values = rng.random((height, width), np.float32)
    step = side + apart
    samples = sampled(values, side, step)
    assert samples.shape == (-(-height // step), -(-width // step))
    i, j = rng.integers(samples.shape[0]), rng.integers(samples.shape[1])
    rows, cols = (k * step + apart // 2 + np.arange(side) for k in (i, j))
    expected = values[np.ix_(np.minimum(rows, height - 1), np.minimum(cols, width - 1))].mean()
    assert samples[i, j] == pytest.approx(expected, abs=ROUNDING)


@given(sides, sides, st.integers(0, 9), seeds)
def test_planes_are_filtered_each_by_itself(height, width, radius, seed):
    planes = np.random.default_rng(seed).random((3, height, width), np.float32)
    each = np.stack([local_mean(plane, radius) for plane in planes])
    np.testing.assert_allclose(local_mean(planes, radius), each, atol=1e-6)


@given(sides, sides, st.integers(1, 7), st.floats(0, 3))
def test_a_ramp_that_is_sampled_comes_back(height, width, step, first):
    y, x = np.mgrid[:height, :width].astype(np.float32)
    rows, cols = (first + step * np.arange(-(-side // step) + 1) for side in (height, width))
    samples = np.stack([rows[:, None] + 0 * cols, 2 * cols + 0 * rows[:, None]]).astype(np.float32)
    found = interpolated(samples, (height, width), step, first)
    np.testing.assert_allclose(found, [np.maximum(y, first), 2 * np.maximum(x, first)], atol=1e-3)


@given(st.integers(1, 4), seeds)
def test_the_systems_at_all_samples_are_solved(size, seed):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(5, 6, size, size))
    matrix = roots @ roots.swapaxes(-1, -2) + np.eye(size)
    right = rng.normal(size=(5, 6, size))
    lower = [[matrix[..., i, j].copy() for j in range(i + 1)] for i in range(size)]
    found = np.stack(solved(lower, [right[..., k].copy() for k in range(size)]), axis=-1)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right[..., None])[..., 0], rtol=1e-6, atol=1e-9)
