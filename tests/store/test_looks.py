"""Closer looks on disk: what is kept comes back, to this process and to the next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.core.consensus import Consensus
from tiler.core.geometry import Box, Span
from tiler.errors import OutputError
from tiler.store.looks import STEPS, Look, Looks

spans = st.tuples(st.integers(-99, 99), st.integers(1, 99)).map(lambda one: Span(one[0], one[0] + one[1]))
boxes = st.lists(st.builds(Box, spans, spans), max_size=4)


@given(boxes)
def test_what_a_window_shows_comes_back(tmp_path_factory, found):
    root = tmp_path_factory.mktemp("looks")
    assert Looks(root).window(3) is None
    Looks(root).keep_window(3, found)
    assert Looks(root).window(3) == found


@given(boxes)
def test_looks_that_were_chosen_are_known_to_every_process(tmp_path_factory, found):
    root, looks = tmp_path_factory.mktemp("looks") / "new", [Look(k, 1, box) for k, box in enumerate(found)]
    here, there = Looks(root), Looks(root)
    assert here.chosen() is there.chosen() is None
    for look in looks:
        here.keep_answer(look.number, Consensus(*np.zeros((2, 3, 3), np.float32)))
    here.choose(looks)
    assert here.chosen() == there.chosen() == tuple(looks)


@pytest.mark.parametrize("name", ["0.window", "0.crop", "chosen.looks"])
@pytest.mark.parametrize("size", [0, 5, None])
def test_what_is_damaged_counts_for_nothing(tmp_path, name, size):
    looks, box = Looks(tmp_path), Box(Span(0, 4), Span(0, 4))
    looks.keep_window(0, [box])
    looks.keep_answer(0, Consensus(*np.ones((2, 3, 3), np.float32)))
    looks.choose([Look(0, 1, box)])
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:size] if size is not None else path.read_bytes()[:-1] + b"?")
    again = Looks(tmp_path)
    assert (again.window(0) is None) == (name == "0.window")
    assert again.has_answer(0) == (name != "0.crop")
    assert (again.chosen() is None) == (name != "0.window")
    if name == "0.crop":
        with pytest.raises(OutputError, match="damaged"):
            again.answer(0)


def test_an_answer_comes_back_in_65536_steps(tmp_path):
    alpha, spread = np.random.default_rng(0).random((2, 5, 5), np.float32)
    looks = Looks(tmp_path)
    assert not looks.has_answer(0)
    looks.keep_answer(0, Consensus(alpha, spread))
    assert looks.has_answer(0)
    for found in (looks.answer(0), Looks(tmp_path).answer(0)):
        assert np.abs(found.alpha - alpha).max() <= 0.51 / STEPS
        assert np.abs(found.spread - spread).max() <= 0.51 / STEPS
