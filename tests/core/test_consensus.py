import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tiler.core.consensus import STEP, consensus, settled
from tiler.core.geometry import Box, Span


@st.composite
def answers(draw):
    shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    return [rng.random(shape, np.float32) for _ in range(draw(st.integers(1, 9)))]


@given(answers(), st.randoms())
def test_the_order_of_the_answers_does_not_matter(views, random):
    first = consensus(views, range(len(views)), 40)
    again = consensus(random.sample(views, len(views)), range(len(views)), 40)
    np.testing.assert_allclose(again.alpha, first.alpha, atol=1e-6)
    np.testing.assert_allclose(again.spread, first.spread, atol=1e-6)


@given(answers())
def test_it_lies_between_the_answers(views):
    found = consensus(views, range(len(views)), 40)
    assert found.alpha.dtype == found.spread.dtype == np.float32
    several = settled if len(views) > 1 else np.asarray
    assert (several(np.min(views, axis=0)) - 1e-6 <= found.alpha).all()
    assert (found.alpha <= several(np.max(views, axis=0)) + 1e-6).all()
    assert found.spread.min() >= 0
    assert found.spread.max() <= 1


@given(answers(), st.integers(3, 9))
def test_answers_that_agree_are_the_consensus_and_part_nowhere(views, count):
    found = consensus([views[0]] * count, [0, 1], 40)
    np.testing.assert_allclose(found.alpha, settled(views[0]), atol=1e-6)
    assert found.spread.max() <= 1e-6


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=9))
def test_what_is_nearly_0_or_1_is_so_and_no_two_alphas_change_places(values):
    before = np.sort(np.array(values, np.float32))
    after = settled(before)
    assert (after[before <= STEP] == 0).all()
    assert (after[before >= 1 - STEP] == 1).all()
    assert (np.diff(after) >= 0).all()
    assert (np.abs(after - before) <= STEP + 1e-6).all()


def test_one_view_that_fails_altogether_moves_nothing():
    """Five right answers and a black one: a mean would be a sixth too dark."""
    right = np.zeros((64, 64), np.float32)
    right[16:48, 16:48] = 1
    found = consensus([right] * 5 + [np.zeros_like(right)], [0, 5], 64)
    assert (found.alpha == right).all()
    assert found.spread[32, 32] > 0 == found.spread[2, 2]


def test_a_subject_that_only_the_fine_views_can_see_is_there():
    """Six coarse views are blind to it. If one of the four fine ones is too, it may as well be nothing."""
    seen = np.zeros((96, 96), np.float32)
    seen[24:72, 40:56] = 1
    blind = np.zeros_like(seen)
    found = consensus([seen] * 4 + [blind] * 6, range(4), 96)
    assert found.alpha[28:68, 44:52].min() == 1
    assert found.alpha[:, :36].max() == 0
    assert found.spread[48, 48] > 0.5
    assert consensus([seen] * 3 + [blind] * 7, range(4), 96).alpha[48, 48] == 0


def test_an_edge_that_the_coarse_views_blur_is_not_a_lost_subject(monkeypatch):
    """A coarse view of 192 px blurs over 3 px of a base of 512 to either side; this is three times as much."""
    x = np.broadcast_to(np.arange(512, dtype=np.float32), (64, 512))
    sharp, soft = np.clip((x - 255) / 2, 0, 1), np.clip((x - 247) / 18, 0, 1)
    views = [sharp] * 4 + [soft] * 6
    found = consensus(views, range(4), 512)
    monkeypatch.setattr("tiler.core.consensus.LOST", np.float32(1e9))
    assert (consensus(views, range(4), 512).alpha == found.alpha).all()


def test_a_part_of_it_is_a_copy():
    whole = consensus([np.random.default_rng(0).random((9, 9), np.float32)], [0], 9)
    part = whole.within(Box(Span(2, 5), Span(1, 8)))
    assert (part.alpha == whole.alpha[2:5, 1:8]).all()
    assert not np.shares_memory(part.alpha, whole.alpha)
