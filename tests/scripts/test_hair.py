import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hair
from hair import POINTS, Skin, Style

LEVEL = np.array([[[-9, -9, 0], [9, -9, 0], [0, 9, 0]]], float)


def ball(radius=1.0, steps=30):
    """A sphere of triangles that look outward."""
    down, around = np.linspace(0, np.pi, steps), np.linspace(0, 2 * np.pi, 2 * steps)
    t, p = np.meshgrid(down, around, indexing="ij")
    xyz = radius * np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], 2)
    a, b, c, d = xyz[:-1, :-1], xyz[1:, :-1], xyz[1:, 1:], xyz[:-1, 1:]
    both = np.concatenate([np.stack([a, b, c], 2).reshape(-1, 3, 3), np.stack([a, c, d], 2).reshape(-1, 3, 3)])
    return both[Skin(both).area > 1e-9]  # two corners of those at the poles are one


def upward(at):
    return at * 0 + (0, 0.1, 1)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 99))
def test_roots_lie_on_the_triangles_that_were_asked_for(seed):
    skin = Skin(ball())
    where = skin.middle[:, 2] > 0
    roots, out = skin.roots(where, 50, np.random.default_rng(seed))
    assert roots[:, 2].min() > -0.08
    assert np.linalg.norm(roots, axis=1) == pytest.approx(1, abs=0.02)
    assert (out * roots).sum(1).min() > 0.9


@settings(max_examples=5, deadline=None)
@given(st.floats(0.1, 0.6), st.integers(0, 99))
def test_plain_strands_have_their_length_and_stay_out_of_the_body(length, seed):
    skin = Skin(ball())
    style = Style(length, 40, clump=0, frizz=0)
    path = hair.grow(skin, skin.middle[:, 2] > 0, style, upward, np.random.default_rng(seed))
    assert path.shape == (40, POINTS, 3)
    assert np.linalg.norm(path[:, 1:], axis=2).min() > 0.95
    long = np.linalg.norm(np.diff(path, axis=1), axis=2).sum(1)
    assert long.min() > 0.7 * length
    assert long.max() < 2.6 * length


def test_the_same_seed_grows_the_same_hair_and_locks_keep_their_roots():
    skin, style = Skin(LEVEL), Style(0.5, 60, clump=0.9, curl=0.05, pitch=0.2)
    one, two = (hair.grow(skin, np.full(1, True), style, upward, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    plain = hair.grow(skin, np.full(1, True), Style(0.5, 60, clump=0, frizz=0), upward, np.random.default_rng(1))
    np.testing.assert_allclose(one[:, 0], plain[:, 0], atol=1e-9)


def test_long_hair_is_brought_to_the_sides_of_the_face():
    before = np.array([[0.2, 0, 0], [-0.2, 0, 0], [0.2, 1, 0], [0.2, 0, 0.9]])
    aside = hair.off_face(before, 1)
    np.testing.assert_allclose(aside[:, 0], [0.6, -0.6, 0.2, 0.2])
