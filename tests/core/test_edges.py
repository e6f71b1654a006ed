import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.guides import seeds
from tiler.core.edges import HALF_STEP, WHITE, edged, halo_of
from tiler.edge import Edge, edges_of

COLOURS = np.array([10, 200, 90], np.uint8)
numbers = st.floats(0.3, 4).map(lambda n: round(n, 1))
edges = st.one_of(
    numbers.map(lambda n: f"shrink:{n}"),
    numbers.map(lambda n: f"feather:{n}"),
    st.just("choke:0.1,0.8"),
).map(lambda text: edges_of([text])[0])


def changed(alpha, *texts, pixels=None, spread=True):
    """Return pixels and alpha after the changes, the picture going on beyond its borders as it ends."""
    wanted = edges_of(texts)
    halo = halo_of(wanted)
    pixels = np.zeros((*alpha.shape, 0), np.uint8) if pixels is None else pixels
    around = ((halo, halo), (halo, halo))
    return edged(
        np.pad(pixels, (*around, (0, 0)), mode="edge"), np.pad(alpha, around, mode="edge"), wanted, spread=spread
    )


def some_alpha(seed, shape=(24, 31)):
    rng = np.random.default_rng(seed)
    return rng.choice([0, 0, 1, 100, 30000, WHITE, WHITE], shape).astype(np.uint16)


def straight_edge(at=20, width=60):
    """Alpha of a subject to the right of column `at`."""
    return np.tile(np.where(np.arange(width) >= at, WHITE, 0).astype(np.uint16), (15, 1))


@given(seeds, st.lists(edges, min_size=1, max_size=2), st.sampled_from([np.uint8, np.uint16, np.float32]))
def test_a_window_with_its_halo_gives_what_the_whole_gives(seed, wanted, dtype):
    alpha, halo = some_alpha(seed, (70, 80)), halo_of(wanted)
    pixels = (np.random.default_rng(seed).random((70, 80, 2)) * 255).astype(dtype)
    whole = edged(pixels, alpha, wanted)
    rng = np.random.default_rng(seed)
    top, left = (int(rng.integers(0, side - 2 * halo - 1)) for side in alpha.shape)
    part = edged(pixels[top : top + 2 * halo + 3, left:], alpha[top : top + 2 * halo + 3, left:], wanted)
    for one, other in zip(part, whole, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other[top : top + one.shape[0], left : left + one.shape[1]])


@pytest.mark.parametrize(("px", "moved"), [(1, 1), (3, 3), (2.5, 2.5), (0.4, 0.4)])
def test_shrinking_moves_a_straight_edge_inwards_by_so_many_pixels(px, moved):
    alpha = straight_edge()
    _, got = changed(alpha, f"shrink:{px}")
    np.testing.assert_allclose((alpha.astype(float) - got).sum(axis=1) / WHITE, moved, atol=1e-4)


@given(seeds, st.integers(1, 4))
def test_shrinking_takes_the_least_alpha_in_a_disk(seed, px):
    alpha = some_alpha(seed)
    _, got = changed(alpha, f"shrink:{px}")
    framed = np.pad(alpha, px, mode="edge")
    y, x = np.mgrid[-px : px + 1, -px : px + 1]
    disk = y**2 + x**2 <= px**2
    windows = np.lib.stride_tricks.sliding_window_view(framed, (2 * px + 1, 2 * px + 1))
    np.testing.assert_array_equal(got, windows[..., disk].min(axis=-1))


@given(seeds, edges)
def test_what_is_all_one_alpha_stays(seed, edge):
    value = int(np.random.default_rng(seed).choice([0, 1, WHITE]))
    alpha = np.full((9, 11), value, np.uint16)
    got = edged(
        np.zeros((9 + 2 * (halo := halo_of([edge])), 11 + 2 * halo, 0)), np.pad(alpha, halo, mode="edge"), [edge]
    )
    np.testing.assert_array_equal(got[1], 0 if value < WHITE and edge.kind == "choke" else alpha)


def test_what_the_frame_cuts_off_is_no_edge():
    alpha = straight_edge()
    assert (changed(alpha, "shrink:4")[1][:, -5:] == WHITE).all()
    assert (changed(alpha, "feather:2")[1][:, -5:] == WHITE).all()


@pytest.mark.parametrize("px", [0.7, 2, 5])
def test_feathering_is_a_gaussian_of_that_sigma(px):
    _, got = changed(straight_edge(30), f"feather:{px}")
    slope = np.diff(got[7].astype(float) / WHITE)
    at = np.arange(slope.size)
    mean = (slope * at).sum()
    assert slope.sum() == pytest.approx(1, abs=1e-3)
    assert mean == pytest.approx(29, abs=0.01)
    assert ((slope * (at - mean) ** 2).sum()) ** 0.5 == pytest.approx(px, rel=0.02)


@given(seeds)
def test_choking_is_a_straight_line_between_the_two(seed):
    alpha = some_alpha(seed)
    _, got = changed(alpha, "choke:0.25,0.75")
    np.testing.assert_allclose(got / WHITE, np.clip((alpha / WHITE - 0.25) * 2, 0, 1), atol=1e-5)
    np.testing.assert_array_equal(changed(alpha, "choke:0,1")[1], alpha)


@given(seeds, st.sampled_from([np.uint8, np.uint16, np.float32]))
def test_what_shows_only_now_has_the_flat_colour_of_the_foreground(seed, dtype):
    alpha = some_alpha(seed)
    flat = COLOURS.astype(dtype)
    pixels = np.where(alpha[..., None] > HALF_STEP, flat, 77).astype(dtype)
    got, after = changed(alpha, "feather:2", pixels=pixels)
    np.testing.assert_allclose(got[after > 0].astype(float), np.broadcast_to(flat, got.shape)[after > 0], rtol=1e-6)
    np.testing.assert_array_equal(got[after == 0], pixels[after == 0])


@given(seeds, edges)
def test_the_foreground_keeps_its_samples(seed, edge):
    alpha = some_alpha(seed)
    pixels = np.random.default_rng(seed).integers(0, 256, (*alpha.shape, 3)).astype(np.uint8)
    halo = halo_of([edge])
    framed = np.pad(pixels, ((halo, halo), (halo, halo), (0, 0)), mode="edge"), np.pad(alpha, halo, mode="edge")
    got, _ = edged(*framed, [edge])
    np.testing.assert_array_equal(got[alpha > HALF_STEP], pixels[alpha > HALF_STEP])
    np.testing.assert_array_equal(edged(*framed, [edge], spread=False)[0], pixels)


def test_light_without_an_end_beside_the_foreground_does_not_come_in():
    alpha = straight_edge()
    pixels = np.where(alpha[..., None] > 0, np.float32(0.5), np.float32(np.inf))
    got, after = changed(alpha, "feather:2", pixels=pixels)
    np.testing.assert_allclose(got[after > 0], 0.5, rtol=1e-6)


def test_changes_are_made_in_their_order():
    alpha = straight_edge()
    both = changed(alpha, "shrink:2", "feather:1")[1]
    np.testing.assert_array_equal(both, changed(changed(alpha, "shrink:2")[1], "feather:1")[1])
    assert halo_of([Edge("shrink", (1.5,)), Edge("feather", (2.0,)), Edge("choke", (0.0, 0.5))]) == 8
