from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import RedIsAlpha
from tiler.model.card import find_card
from tiler.model.views import AS_IT_IS, View, answer_of, network_levels_of, views_of

MODNET, BSHM = find_card("modnet"), find_card("bshm")


def test_every_size_of_the_card_is_asked_with_its_mirror_image():
    views = views_of(MODNET, 512, "all")
    assert len(views) == 2 * len(MODNET.views_px) == len(set(views))
    assert {(view.scale, not view.mirrored) for view in views} == {(view.scale, view.mirrored) for view in views}


@given(st.integers(1, 30))
def test_so_many_are_asked_as_are_wanted_and_one_is_the_picture_as_it_is(wanted):
    views = views_of(MODNET, 512, wanted)
    assert views == ((AS_IT_IS,) if wanted == 1 else views_of(MODNET, 512, "all")[:wanted])


@given(st.integers(32, 4096))
def test_no_view_is_smaller_than_the_smallest_of_the_card_or_the_base_itself(guide_px):
    views = views_of(MODNET, guide_px, "all")
    assert {view.scale for view in views} >= {1.0}
    assert min(view.scale for view in views) * guide_px >= min(guide_px, *MODNET.views_px) - 1e-6
    assert max(view.scale for view in views) == max(MODNET.views_px) / MODNET.guide_px


def test_a_network_that_was_not_measured_is_asked_once_and_at_every_level():
    assert views_of(BSHM, 1024, "all") == (AS_IT_IS,)
    assert network_levels_of(BSHM, "auto") is None


@pytest.mark.parametrize(("wanted", "levels"), [("auto", 2), ("all", None), (0, 0), (3, 3)])
def test_the_network_levels_are_the_cards_or_those_asked_for(wanted, levels):
    assert network_levels_of(replace(MODNET, network_levels=2), wanted) == levels


@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.booleans(), st.integers(0, 99))
def test_a_network_that_is_a_formula_answers_the_same_mirrored(shape, mirrored, seed):
    rgb = np.random.default_rng(seed).uniform(0, 255, (*shape, 3)).astype(np.float32)
    alpha = answer_of(RedIsAlpha(), rgb, View(1.0, mirrored), shape)
    np.testing.assert_array_equal(alpha, RedIsAlpha().alpha(rgb))
    assert alpha.flags.c_contiguous


@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_an_answer_of_any_size_is_brought_to_the_size_that_is_wanted(seen, wanted):
    rgb = np.full((*seen, 3), 51, np.float32)
    np.testing.assert_allclose(answer_of(RedIsAlpha(), rgb, AS_IT_IS, wanted), np.full(wanted, 0.2), atol=1e-6)
