import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tiler import metrics

ALL = [metrics.mad, metrics.sad, metrics.mse, metrics.grad, metrics.conn]


def random_alpha(seed, shape=(24, 31)):
    return ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 1.5)


@pytest.mark.parametrize("metric", ALL)
@given(st.integers(0, 99), st.integers(100, 199))
def test_an_error_is_zero_for_the_truth_alone_and_never_negative(metric, a, b):
    alpha, truth = np.round(random_alpha(a) * 4) / 4, np.round(random_alpha(b) * 4) / 4
    assert metric(truth, truth) == 0
    assert metric(alpha, truth) >= 0


@pytest.mark.parametrize("metric", [metrics.sad, metrics.grad, metrics.conn])
def test_sums_over_a_mask_and_its_complement_are_the_whole(metric):
    alpha, truth = random_alpha(1), random_alpha(2)
    where = random_alpha(3) > 0.5
    assert metric(alpha, truth, where) + metric(alpha, truth, ~where) == pytest.approx(metric(alpha, truth))


def test_known_figures():
    truth = np.zeros((10, 10))
    alpha = np.full((10, 10), 0.5)
    assert metrics.mad(alpha, truth) == 0.5
    assert metrics.sad(alpha, truth) == 0.05
    assert metrics.mse(alpha, truth) == 0.25
    assert metrics.grad(alpha, truth) == pytest.approx(0)


def test_grad_of_a_step_against_flat_is_that_of_a_gaussian():
    """Across a unit step the derivative of a Gaussian has the Gaussian itself as response: sum of its squares."""
    step = np.zeros((40, 40))
    step[:, 20:] = 1
    sigma = metrics.GRADIENT_SIGMA_PX
    per_row = 1 / (2 * sigma * np.sqrt(np.pi))
    assert metrics.grad(step, np.zeros((40, 40))) == pytest.approx(40 * per_row / 1000, rel=0.03)


def test_conn_counts_what_has_come_loose_and_not_what_holds():
    truth = np.zeros((20, 40))
    truth[5:15, 5:35] = 1
    joined, loose = truth.copy(), truth.copy()
    joined[5:15, 20:24] = 0.9
    loose[5:15, 20:24] = 0.0
    assert metrics.conn(joined, truth) < 0.1 * metrics.conn(loose, truth)
    assert metrics.conn(loose, truth) > 0


def test_the_band_holds_every_soft_pixel_and_every_hard_edge():
    truth = np.zeros((30, 30))
    truth[:, 10:] = 1
    truth[3, 3] = 0.4
    found = metrics.band(truth, 2)
    assert found[:, 9:11].all()
    assert found[1:6, 1:6].all()
    assert not found[:, 20:].any()
