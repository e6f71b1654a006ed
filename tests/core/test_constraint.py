"""The guide constraint holds for any alpha at all."""

import numpy as np
from hypothesis import given

from tests.core.guides import ROUNDING, guide_pxs, off_the_guide, seeds, sides, soft_guide
from tiler.core.constraint import TOLERANCE, blend_weight, constrain


@given(sides, sides, guide_pxs, seeds)
def test_any_alpha_is_brought_to_the_guides_mean(height, width, guide_scale, seed):
    guide = soft_guide((height, width), seed)
    wild = np.random.default_rng(seed).integers(0, 2, guide.shape).astype(np.float32)
    found = constrain(wild, guide, guide_scale)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    assert off_the_guide(found, guide, guide_scale) <= TOLERANCE + ROUNDING
    saturated = blend_weight(guide) == 0
    assert (found[saturated] == guide[saturated]).all()


@given(sides, sides, guide_pxs, seeds)
def test_what_keeps_the_constraint_already_stays(height, width, guide_scale, seed):
    guide = soft_guide((height, width), seed)
    np.testing.assert_allclose(constrain(guide, guide, guide_scale), guide, atol=ROUNDING)
