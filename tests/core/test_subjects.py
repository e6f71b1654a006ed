"""Small subjects: which parts of an alpha they are, the crops around them, and how a crop fades out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.core.geometry import Box, Span
from tiler.core.subjects import (
    agreed,
    crop_around,
    each_once,
    fade,
    in_common,
    lone_subjects,
    overlap,
    parts,
    scaled,
    small_subjects,
)

SHAPE = (60, 90)
spans = st.tuples(st.integers(0, 50), st.integers(1, 30)).map(lambda one: Span(one[0], one[0] + one[1]))
boxes = st.builds(Box, spans, spans)


def drawn(*found, shape=SHAPE, value=1.0):
    alpha = np.zeros(shape, np.float32)
    for box in found:
        alpha[box.slices] = value
    return alpha


@given(st.lists(boxes, max_size=4))
def test_parts_are_apart_and_cover_what_is_foreground(found):
    alpha, total = drawn(*found, shape=(90, 90)), np.zeros((90, 90), int)
    for part in parts(alpha):
        total[part.box.slices] += part.where
    assert (total == (alpha > 0.5)).all()


@given(boxes, st.booleans())
def test_a_crop_lies_in_the_picture_and_holds_its_subject(box, wraps):
    shape = (85, 85)
    crop = crop_around(box, shape, wraps=wraps)
    assert crop.shape[0] == crop.shape[1] <= 85
    assert crop.rows.clip(Span(0, 85)) == crop.rows
    assert wraps or crop.cols.clip(Span(0, 85)) == crop.cols
    assert box.rows.clip(crop.rows) == box.rows
    assert box.cols.clip(crop.cols) == box.cols


@given(st.integers(8, 60), st.integers(8, 60), boxes)
def test_a_fade_does_not_depend_on_the_box(height, width, box):
    whole = fade((height, width), Box.whole((height, width)))
    inside = Box(box.rows.clip(Span(0, height)), box.cols.clip(Span(0, width)))
    assert (fade((height, width), inside) == whole[inside.slices]).all()
    assert 0 <= whole.min() <= whole.max() <= 1
    assert whole[height // 2, width // 2] == 1


@given(st.lists(boxes, max_size=5))
def test_no_box_that_stays_holds_half_of_another(found):
    kept = [found[k] for k in each_once(found)]
    for k, one in enumerate(kept):
        for other in kept[:k]:
            common = one.rows.clip(other.rows).size * one.cols.clip(other.cols).size
            assert 2 * common < min(one.rows.size * one.cols.size, other.rows.size * other.cols.size)
    assert bool(kept) == bool(found)


def test_two_boxes_that_meet_around_the_join_are_one():
    pair = [Box(Span(0, 10), Span(-10, 10)), Box(Span(0, 10), Span(90, 100))]
    assert each_once(pair) == [0, 1]
    assert each_once(pair, 100) == [0]


@given(st.lists(st.tuples(*[st.integers(-2, 2)] * 4), min_size=2, max_size=6), st.integers(3, 9))
def test_a_shadow_in_one_window_of_many_is_no_part_of_the_subject(moved, shadow_px):
    seen = [Box(Span(20 + a, 50 + b), Span(30 + c, 60 + d)) for a, b, c, d in moved]
    odd = Box(Span(20, 50 + shadow_px), Span(30, 60))
    (found,) = agreed([odd, *seen])
    for edge, at in ((found.rows.start, 20), (found.rows.stop, 50), (found.cols.start, 30), (found.cols.stop, 60)):
        assert abs(edge - at) <= 2


@given(st.lists(boxes, max_size=5))
def test_what_is_agreed_on_lies_within_what_was_found(found):
    whole = [found[k] for k in each_once(found)]
    result = agreed(found)
    assert len(result) == len(whole)
    for one, largest in zip(result, whole, strict=True):
        assert in_common(one, largest) > 0


def test_what_is_agreed_on_around_the_join_is_one_box():
    pair = [Box(Span(0, 10), Span(-10, 10)), Box(Span(0, 10), Span(91, 109)), Box(Span(0, 10), Span(91, 109))]
    assert agreed(pair, 100) == [Box(Span(0, 10), Span(-9, 9))]


@given(boxes)
def test_scaling_to_the_same_shape_changes_nothing(box):
    assert scaled(box, SHAPE, SHAPE) == box
    assert scaled(box, (20, 30), (40, 60)).shape == (2 * box.rows.size, 2 * box.cols.size)


def test_the_small_parts_of_a_frame_are_its_small_subjects():
    person, another = Box(Span(10, 22), Span(10, 15)), Box(Span(30, 40), Span(60, 66))
    assert small_subjects(drawn(person, another)) == [person, another]
    portrait = Box(Span(5, 60), Span(20, 80))
    speck = Box(Span(0, 2), Span(0, 2))
    assert small_subjects(drawn(portrait, speck)) == []
    assert small_subjects(drawn()) == []


MIDDLE = Box(Span(20, 40), Span(40, 50))


def test_what_stands_alone_is_found():
    alpha = drawn(MIDDLE)
    assert lone_subjects(alpha) == lone_subjects(alpha, alpha) == [MIDDLE]


@pytest.mark.parametrize(
    "alpha",
    [
        drawn(Box(Span(20, 60), Span(40, 50))),  # goes on beyond the border
        drawn(Box(Span(20, 24), Span(40, 43))),  # a speck
        drawn(MIDDLE, value=0.7),  # half transparent
        np.maximum(drawn(MIDDLE), np.float32(0.2)),  # before a ground that is not plain
        np.maximum(drawn(MIDDLE), drawn(Box(Span(15, 45), Span(51, 53)))),  # torn
    ],
)
def test_what_does_not_stand_alone_is_not(alpha):
    assert lone_subjects(alpha) == []


def test_what_the_second_view_does_not_show_is_not_found():
    assert lone_subjects(drawn(MIDDLE), drawn()) == []
    assert lone_subjects(drawn(MIDDLE), drawn(Box(Span(20, 30), Span(40, 50)))) == []


def test_overlap_of_masks():
    one = np.array([True, True, False, False])
    assert overlap(one, one) == 1
    assert overlap(one, ~one) == overlap(one & ~one, one & ~one) == 0
