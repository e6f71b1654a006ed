from dataclasses import replace

import numpy as np
import pytest

from tiler.model.card import find_card
from tiler.model.trial import example, try_out


class Answers:
    """A network whose answer is a function of the pixels, and of how often it was asked."""

    card = find_card("modnet")

    def __init__(self, answer):
        self.answer, self.asked = answer, 0

    def alpha(self, rgb, _hint=None):
        self.asked += 1
        return self.answer(rgb, self.asked).astype(np.float32)


def knowing(rgb, _):
    """The truth, for the portrait however it is turned."""
    picture, truth = example()
    for turn in (np.s_[:, :], np.s_[:, ::-1], np.s_[::-1]):
        if (rgb == picture[turn]).all():
            return truth[turn]
    raise AssertionError("another picture")


def test_who_knows_the_portrait_is_right_and_consistent():
    tried = try_out(Answers(knowing))
    assert (tried.off, tried.is_far, tried.same) == (0, False, True)
    np.testing.assert_array_equal(tried.mirrored, tried.truth)
    np.testing.assert_array_equal(tried.upside_down, tried.truth)
    assert "0.00 to 1.00" in tried.sentences()[0]
    assert "right" not in tried.sentences()[0]


def test_who_sees_the_picture_mirrored_is_far_off():
    tried = try_out(Answers(lambda rgb, n: knowing(rgb, n)[::-1]))
    assert tried.is_far
    assert "is its card right" in tried.sentences()[0]


def test_a_place_is_turned_back():
    y, x = np.mgrid[0:1:640j, 0:1:512j]
    tried = try_out(Answers(lambda *_: np.hypot(x, y) / 2))
    np.testing.assert_allclose(tried.mirrored, (np.hypot(x, y) / 2)[:, ::-1], atol=1e-6)
    np.testing.assert_allclose(tried.upside_down, (np.hypot(x, y) / 2)[::-1], atol=1e-6)


def test_who_answers_otherwise_the_second_time_is_found():
    tried = try_out(Answers(lambda rgb, n: np.full(rgb.shape[:2], n / 10)))
    assert not tried.same
    assert tried.sentences()[-1] == "It does not answer the same twice."
    with pytest.raises(AttributeError):
        replace(tried, same=True).same = False
