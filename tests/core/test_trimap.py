import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.core.guides import guide_pxs, seeds, sides, soft_guide
from tiler.core.fusion import UNSURE_SPREAD
from tiler.core.guide import SATURATED
from tiler.core.trimap import BLUR_PX, trimap_of


def spread_like(guide, seed):
    """A spread that is wide in a few places only; none with every third seed."""
    rng = np.random.default_rng(seed)
    return None if seed % 3 == 0 else (rng.random(guide.shape) ** 60).astype(np.float32)


@given(sides, sides, guide_pxs, seeds)
def test_a_pixel_is_not_known_if_and_only_if_an_unsure_one_is_near(height, width, guide_scale, seed):
    """The oracle looks at every pixel by itself."""
    guide = soft_guide((min(height, 40), min(width, 40)), seed)
    spread = spread_like(guide, seed)
    found = trimap_of(guide, spread, guide_scale)
    assert found.dtype == np.float32
    reach = round(BLUR_PX * guide_scale)
    for i, j in np.random.default_rng(seed).integers(0, guide.shape, (20, 2)):
        near = np.s_[max(0, i - reach) : i + reach + 1, max(0, j - reach) : j + reach + 1]
        unsure = ((guide[near] > SATURATED) & (guide[near] < 1 - SATURATED)).any()
        unsure |= spread is not None and (spread[near] > UNSURE_SPREAD).any()
        assert found[i, j] == (0.5 if unsure else round(guide[i, j]))


@given(st.integers(1, 60), st.integers(1, 60), guide_pxs, seeds, st.integers(0, 30), st.integers(1, 30))
def test_a_part_of_it_is_the_trimap_of_the_part(height, width, guide_scale, seed, first, size):
    """Law: with a margin of its reach, a crop gives what the whole gives."""
    guide = soft_guide((height, width), seed)
    spread = spread_like(guide, seed)
    reach = round(BLUR_PX * guide_scale)
    first = min(first, height - 1)
    outer = slice(max(0, first - reach), first + size + reach)
    whole = trimap_of(guide, spread, guide_scale)
    part = trimap_of(guide[outer], None if spread is None else spread[outer], guide_scale)
    within = slice(first - outer.start, first - outer.start + size)
    np.testing.assert_array_equal(part[within], whole[first : first + size])


def test_where_the_views_part_nothing_is_known_though_the_guide_is_saturated():
    guide, spread = np.ones((40, 40), np.float32), np.zeros((40, 40), np.float32)
    assert (trimap_of(guide, spread, 2.0) == 1).all()
    spread[20, 20] = 0.1
    assert np.argwhere(trimap_of(guide, spread, 2.0) == 0.5).min() == 16
    assert (trimap_of(guide, spread, 2.0) == 0.5).sum() == 81
