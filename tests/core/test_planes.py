import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.guides import seeds
from tiler.core.planes import RADIUS, WindowSums, enlarged, half

sides = st.integers(1, 12)


def pair(height, width, seed):
    return np.random.default_rng(seed).random((2, height, width), np.float32)


@given(sides, sides, seeds)
def test_sums_are_those_of_the_window(height, width, seed):
    values, sums = pair(height, width, seed), WindowSums.of((2, height, width))
    framed = np.pad(values.astype(float), ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS)))
    wanted = sum(framed[:, y : y + height, x : x + width] for y in range(2 * RADIUS + 1) for x in range(2 * RADIUS + 1))
    for _ in range(2):  # what is kept between two sums changes nothing
        sums.middle[...] = values
        np.testing.assert_allclose(sums.into(np.empty_like(values)), wanted, rtol=1e-5)


@given(sides, sides, seeds)
def test_half_is_the_mean_of_2_x_2_and_an_odd_end_is_repeated(height, width, seed):
    plane = pair(height, width, seed)[0]
    padded = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge").astype(float)
    wanted = padded.reshape(padded.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(half(plane), wanted, rtol=1e-6)


@given(sides, sides, seeds)
def test_enlarged_is_linear_between_the_centres(height, width, seed):
    values = pair(height, width, seed)

    def along(size):
        return np.clip((np.arange(2 * size) + 0.5) / 2 - 0.5, 0, size - 1)

    rows = np.apply_along_axis(lambda line: np.interp(along(height), np.arange(height), line), 1, values)
    wanted = np.apply_along_axis(lambda line: np.interp(along(width), np.arange(width), line), 2, rows)
    np.testing.assert_allclose(enlarged(values), wanted, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_what_is_flat_stays_flat(value):
    flat = np.full((2, 7, 9), value, np.float32)
    np.testing.assert_array_equal(enlarged(flat), np.float32(value))
    np.testing.assert_array_equal(half(flat[0]), np.float32(value))
