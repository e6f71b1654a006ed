import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.core.doubt import LARGEST, LEAST_DOUBT, SHARE, SHOWN, doubt, doubtful, places


def doubts_of(seed, shape):
    return np.random.default_rng(seed).random(shape, np.float32) ** 2


SHAPES = st.tuples(st.integers(1, 60), st.integers(1, 60))


@given(st.integers(0, 99), SHAPES)
def test_no_more_than_the_share_is_named_and_nothing_outside_parts_more(seed, shape):
    doubts = doubts_of(seed, shape)
    named = doubtful(doubts)
    assert named.sum() <= SHARE * doubts.size
    if named.any() and not named.all():
        assert doubts[named].min() > max(doubts[~named].max() - 1e-7, LEAST_DOUBT)


@given(st.integers(0, 99), SHAPES, st.integers(1, 9))
def test_every_place_lies_in_the_picture_and_the_worst_comes_first(seed, shape, scale):
    full = (shape[0] * scale, shape[1] * scale)
    found = places(doubts_of(seed, shape), full)
    assert len(found) <= SHOWN
    for place in found:
        assert 0 <= place.left < place.left + place.width <= full[1]
        assert 0 <= place.top < place.top + place.height <= full[0]
        assert place.doubt > LEAST_DOUBT
        assert max(place.width, place.height) <= max(1, round(LARGEST * min(shape))) * scale


def test_the_doubt_all_around_a_person_is_several_places_and_none_is_the_whole_person():
    y, x = np.mgrid[:512, :512]
    rim = np.abs(np.hypot(y - 256, x - 256) - 180) < 4
    found = places(np.where(rim, np.float32(0.5), np.float32(0)), (5120, 5120))
    assert len(found) == SHOWN
    assert max(max(place.width, place.height) for place in found) <= 5120 * LARGEST + 10
    assert sum(place.width * place.height for place in found) < 0.2 * 5120**2


def test_two_spots_are_two_places_in_pixels_of_the_full_picture():
    doubts = np.zeros((100, 200), np.float32)
    doubts[10:14, 20:26] = 0.4
    doubts[60:62, 100:103] = 0.9
    first, second = places(doubts, (1000, 2000))
    assert (first.left, first.top, first.width, first.height) == (200, 100, 60, 40)
    assert (second.left, second.top, second.width, second.height) == (1000, 600, 30, 20)
    assert (first.doubt, second.doubt) == (pytest.approx(0.4), pytest.approx(0.9))


def test_a_picture_without_doubt_has_no_place():
    assert places(np.full((50, 50), LEAST_DOUBT, np.float32), (500, 500)) == ()


def test_doubt_is_where_views_part_and_where_they_agree_on_grey():
    alpha = np.array([[0, 0.5, 1, 0]], np.float32)
    spread = np.array([[0, 0, 0, 0.3]], np.float32)
    np.testing.assert_allclose(doubt(alpha, spread), [[0, 0.5, 0, 0.3]], atol=1e-6)
