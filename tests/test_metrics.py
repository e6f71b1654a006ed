import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tiler import metrics
from tiler.errors import InputError

ALL = [metrics.mad, metrics.sad, metrics.mse, metrics.grad, metrics.conn]
SUMS = [metrics.sad, metrics.grad, metrics.conn]

seeds = st.integers(0, 2**32 - 1)
shapes = st.tuples(st.integers(1, 24), st.integers(1, 24))


@st.composite
def alphas(draw, count=2):
    """Draw `count` smooth alphas of one shape, rounded to quarters so that ends, plateaus and ties occur."""
    shape, rng = draw(shapes), np.random.default_rng(draw(seeds))
    smooth = [ndimage.gaussian_filter(rng.random(shape), 1.5) for _ in range(count)]
    return [np.round(4 * np.clip(4 * (one - 0.5) + 0.5, 0, 1)) / 4 for one in smooth]


@pytest.mark.parametrize("metric", ALL)
@given(alphas())
def test_an_error_is_0_for_the_truth_itself_never_negative_and_symmetric(metric, pair):
    alpha, truth = pair
    assert metric(truth, truth) == 0
    assert metric(alpha, truth) >= 0
    assert metric(alpha, truth) == pytest.approx(metric(truth, alpha))


@given(alphas())
def test_sad_is_mad_by_thousands_of_pixels_and_mse_lies_between_mad_squared_and_mad(pair):
    alpha, truth = pair
    mad = metrics.mad(alpha, truth)
    assert metrics.sad(alpha, truth) == pytest.approx(mad * alpha.size / 1000)
    assert mad**2 - 1e-12 <= metrics.mse(alpha, truth) <= mad + 1e-12


@given(alphas(count=3))
def test_mad_obeys_the_triangle_inequality(three):
    a, b, c = three
    assert metrics.mad(a, c) <= metrics.mad(a, b) + metrics.mad(b, c) + 1e-12


# Where two parts are equally large Conn takes the first in reading order, so it may change with the orientation.
@pytest.mark.parametrize("metric", [metric for metric in ALL if metric is not metrics.conn])
@pytest.mark.parametrize("turn", [np.transpose, np.flipud, np.fliplr])
@given(alphas())
def test_orientation_does_not_matter(metric, turn, pair):
    alpha, truth = pair
    assert metric(turn(alpha), turn(truth)) == pytest.approx(metric(alpha, truth), abs=1e-12)


@given(alphas())
def test_inverting_both_mattes_changes_no_difference(pair):
    alpha, truth = pair
    for metric in (metrics.mad, metrics.sad, metrics.mse, metrics.grad):
        assert metric(1 - alpha, 1 - truth) == pytest.approx(metric(alpha, truth), abs=1e-12)


@pytest.mark.parametrize("metric", SUMS)
@given(alphas(), seeds)
def test_sums_over_a_mask_and_its_complement_add_up(metric, pair, seed):
    alpha, truth = pair
    where = np.random.default_rng(seed).random(alpha.shape) > 0.5
    assert metric(alpha, truth, where) + metric(alpha, truth, ~where) == pytest.approx(metric(alpha, truth))


@pytest.mark.parametrize("metric", [metrics.mad, metrics.mse])
def test_a_mean_is_of_the_pixels_that_count_alone(metric):
    alpha, truth = np.zeros((2, 3)), np.zeros((2, 3))
    alpha[0], alpha[1] = 1, 0.25
    where = np.array([[True] * 3, [False] * 3])
    assert metric(alpha, truth, where) == 1
    assert metric(alpha, truth, ~where) == metric(np.full((1, 1), 0.25), np.zeros((1, 1)))


def test_values_computed_by_hand():
    truth, alpha = np.zeros((10, 10)), np.full((10, 10), 0.5)
    assert metrics.mad(alpha, truth) == 0.5
    assert metrics.sad(alpha, truth) == 0.05
    assert metrics.mse(alpha, truth) == 0.25
    assert metrics.grad(alpha, truth) == pytest.approx(0)


def test_grad_of_a_ramp_is_its_slope_squared_for_each_pixel():
    """A rise of 0.01 a pixel, 50 rows of 60 pixels away from the ends: 3000 x 0.0001 / 1000."""
    ramp = np.tile(np.arange(100) / 100, (50, 1))
    inside = np.zeros(ramp.shape, bool)
    inside[:, 20:80] = True
    assert metrics.grad(ramp, np.zeros(ramp.shape), inside) == pytest.approx(0.0003, rel=0.01)


def test_grad_of_a_step_is_that_of_a_gaussian():
    """The derivative of a smoothed unit step is the Gaussian; its squares sum to 1 / (2 sigma sqrt(pi)) a row."""
    step = np.zeros((40, 40))
    step[:, 20:] = 1
    per_row = 1 / (2 * metrics.GRADIENT_SIGMA_PX * np.sqrt(np.pi))
    assert metrics.grad(step, np.zeros((40, 40))) == pytest.approx(40 * per_row / 1000, rel=0.03)


def test_grad_is_a_constant_away_from_filters_of_euclidean_norm_1():
    """The docstring states the constant, for those who compare with other programs."""
    x = np.arange(-6, 7)
    gaussian = np.exp(-(x**2) / (2 * metrics.GRADIENT_SIGMA_PX**2))
    kernel = np.outer(gaussian, x * gaussian)
    kernel /= np.sqrt((kernel**2).sum())
    step = np.zeros((40, 40))
    step[:, 20:] = 1
    theirs = (ndimage.convolve(step, kernel, mode="nearest") ** 2).sum() / 1000
    assert theirs / metrics.grad(step, np.zeros((40, 40))) == pytest.approx(97, rel=0.02)


def test_conn_of_a_detached_piece_is_its_alpha():
    """A row of six pixels: an object of three that both share, a gap, and a piece of one that the truth has not.

    The piece has alpha 0.8 and is never part of the largest object, so all of its 0.8 is detached.
    """
    truth = np.array([[1.0, 1, 1, 0, 0, 0]])
    alpha = np.array([[1.0, 1, 1, 0, 0.8, 0]])
    assert metrics.conn(alpha, truth) == pytest.approx(0.8 / 1000)


def test_conn_counts_what_is_above_the_last_threshold_of_the_object():
    """The third pixel has alpha 0.9 and truth 0.5: it belongs to the object up to threshold 0.5.

    Alpha has 0.4 above that, the truth 0: the error is 0.4. With alpha 0.6 it has 0.1 above, below 0.15: no error.
    """
    truth = np.array([[1.0, 1, 0.5, 0]])
    assert metrics.conn(np.array([[1.0, 1, 0.9, 0]]), truth) == pytest.approx(0.4 / 1000)
    assert metrics.conn(np.array([[1.0, 1, 0.6, 0]]), truth) == 0


def test_pixels_that_touch_at_a_corner_are_not_connected():
    truth = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 0]])
    alpha = truth.copy()
    alpha[2, 2] = 1
    both = np.maximum(alpha, truth)
    assert metrics.conn(alpha, truth) == pytest.approx(1 / 1000)
    assert metrics.conn(alpha, both) == 0


@given(alphas(count=1), st.integers(0, 4))
def test_the_band_is_every_edge_and_its_margin(one, margin_px):
    (truth,) = one
    edge = metrics.band(truth, 0)
    assert edge[(truth > 0) & (truth < 1)].all()
    rows, cols = np.nonzero(edge)
    expected = np.zeros(truth.shape, bool)
    for row, col in zip(rows, cols, strict=True):
        expected[max(0, row - margin_px) : row + margin_px + 1, max(0, col - margin_px) : col + margin_px + 1] = True
    np.testing.assert_array_equal(metrics.band(truth, margin_px), expected)


def test_a_hard_edge_is_in_the_band_and_what_is_flat_is_not():
    truth = np.zeros((30, 30))
    truth[:, 10:] = 1
    found = metrics.band(truth, 2)
    assert found[:, 7:13].all()
    assert not found[:, :7].any()
    assert not found[:, 13:].any()


GOOD = np.zeros((4, 5))
BAD = {
    "shapes that differ": (np.zeros((4, 6)), GOOD, None, r"\(4, 6\) float64.*\(4, 5\) float64"),
    "three axes": (np.zeros((4, 5, 1)), np.zeros((4, 5, 1)), None, r"\(4, 5, 1\) float64"),
    "integers": (np.zeros((4, 5), np.uint8), GOOD, None, r"alpha is \(4, 5\) uint8"),
    "no array": ([[0.0]], GOOD, None, "alpha is a list"),
    "a mask that is no mask": (GOOD, GOOD, np.ones((4, 5)), r"where is \(4, 5\) float64"),
    "a mask of another shape": (GOOD, GOOD, np.ones((5, 4), bool), r"where is \(5, 4\) bool"),
    "NaN": (
        GOOD,
        np.full((4, 5), np.nan, np.float32),
        None,
        r"truth, \(4, 5\) float32, has numbers that are not",
    ),
    "no pixels": (np.zeros((0, 5)), np.zeros((0, 5)), None, r"\(0, 5\)"),
}


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_an_input_error_that_says_what_was_found_and_wanted(metric, case):
    alpha, truth, where, words = BAD[case]
    with pytest.raises(InputError, match=words) as caught:
        metric(alpha, truth, where)
    assert caught.value.remedy.startswith("Give ")


def test_a_mean_of_no_pixels_and_a_negative_margin_are_input_errors():
    for metric in (metrics.mad, metrics.mse):
        with pytest.raises(InputError, match="no pixel that counts"):
            metric(GOOD, GOOD, np.zeros((4, 5), bool))
    with pytest.raises(InputError, match="-1 px"):
        metrics.band(GOOD, -1)
    with pytest.raises(InputError, match="uint8"):
        metrics.band(np.zeros((4, 5), np.uint8), 2)
