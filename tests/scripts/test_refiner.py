import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refiner.network import FUSED, GUIDE, MULTIPLE_PX, PLANES, REACH_PX, TILE, apply, layers, weights
from refiner.train import freeze, placed
from refiner.trial import Frozen, Refined

from tests.model.graphs import tf
from tests.test_fuse import ROUNDING, colours, guide_pxs, lie_of, off_the_guide, seeds, sides, soft_guide
from tiler.fuse import LAW_RADIUS, TOLERANCE, fuse, local_mean, obey
from tiler.guidance import SURE


def eager_weights(seed=1):
    """Weights of which none are zero, as after training."""
    rng = np.random.default_rng(seed)
    return {n: (v + 0.05 * rng.standard_normal(v.shape)).astype(np.float32) for n, v in weights(seed).items()}


@given(sides, sides, guide_pxs, st.sampled_from(["zeros", "ones", "noise", "inverse", "stripes"]), seeds)
def test_law_2_whatever_the_refiner_says(height, width, guide_px, lie, seed):
    guide = soft_guide((height, width), seed)
    tile, rgb = lie_of("noise", guide, seed), colours(guide.shape, seed)
    refined = Refined(lambda planes: lie_of(lie, planes[..., GUIDE], seed))(tile, guide, rgb, guide_px)
    assert 0 <= refined.min() <= refined.max() <= 1
    assert off_the_guide(refined, guide, guide_px) <= TOLERANCE + ROUNDING


@given(sides, sides, guide_pxs, seeds)
def test_a_refiner_that_repeats_what_it_is_told_changes_nothing(height, width, guide_px, seed):
    guide = soft_guide((height, width), seed)
    tile, rgb = lie_of("shifted", guide, seed), colours(guide.shape, seed)
    fused = fuse(tile, guide, rgb, guide_px)
    for plane, said in ((GUIDE, guide), (TILE, tile), (FUSED, fused)):
        refined = Refined(lambda planes, plane=plane: planes[..., plane])(tile, guide, rgb, guide_px)
        unsure = (guide > SURE) & (guide < 1 - SURE)
        np.testing.assert_array_equal(refined[unsure], obey(said, guide, guide_px)[unsure])
        np.testing.assert_array_equal(refined[~unsure], guide[~unsure])


def test_untrained_it_says_what_the_fuse_said():
    planes = np.random.default_rng(0).random((2, 40, 48, PLANES), np.float32)
    np.testing.assert_array_equal(apply(tf, weights(1), planes).numpy(), planes[..., FUSED])


@settings(max_examples=8, deadline=None)
@given(seeds, st.integers(0, 7), st.integers(0, 7))
def test_it_looks_no_further_than_it_says(seed, row, col):
    size = 2 * (REACH_PX // MULTIPLE_PX + 3) * MULTIPLE_PX
    row, col = size // 2 + row, size // 2 + col
    planes = np.random.default_rng(seed).random((1, size, size, PLANES), np.float32)
    there = np.abs(np.indices((size, size)) - np.array([row, col])[:, None, None]).max(axis=0) > REACH_PX
    other = np.where(there[None, ..., None], 1 - planes, planes)
    before, after = (apply(tf, eager_weights(seed), p).numpy()[0, row, col] for p in (planes, other))
    assert before == pytest.approx(after, abs=1e-6)


@pytest.mark.parametrize("shape", [(64, 64), (37, 51), (8, 8), (1, 3)])
def test_frozen_it_answers_the_same_but_for_half_precision_at_any_size(tmp_path, shape):
    values = eager_weights()
    freeze(values, tmp_path / "graph.pb")
    planes = np.random.default_rng(3).random((*shape, PLANES), np.float32)
    found = Frozen(tmp_path / "graph.pb")(planes)
    assert found.shape == shape
    padded = np.pad(planes, ((0, -shape[0] % MULTIPLE_PX), (0, -shape[1] % MULTIPLE_PX), (0, 0)), mode="symmetric")
    expected = apply(tf, values, padded[None]).numpy()[0, : shape[0], : shape[1]]
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_it_stays_small():
    weighing = sum(9 * taken * given_ + given_ for _, taken, given_ in layers())
    assert weighing == sum(v.size for v in weights(1).values()) < 1_000_000


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_what_is_taught_has_the_means_of_the_fuse(seed):
    guide = soft_guide((120, 100), seed)
    fused = fuse(lie_of("shifted", guide, seed), guide, colours(guide.shape, seed), 2.0)
    taught = placed(lie_of("stripes", guide, seed), fused, guide)
    radius = round(2 * LAW_RADIUS)
    assert np.abs(local_mean(taught, radius) - local_mean(fused, radius)).max() <= 0.01 + ROUNDING
