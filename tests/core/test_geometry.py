from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import axes
from tiler.core.geometry import Axis, Box, Span

spans = st.builds(lambda start, size: Span(start, start + size), st.integers(-50, 50), st.integers(0, 60))


def pixels(span: Span) -> set[int]:
    return set(range(span.start, span.stop))


@given(spans, spans)
def test_clip_is_the_common_pixels(a, b):
    assert pixels(a.clip(b)) == pixels(a) & pixels(b)


@given(spans, st.integers(-9, 9), st.integers(0, 9))
def test_shift_and_grow_move_the_ends(a, by, more):
    assert a.shift(by).shift(-by) == a
    assert a.grow(more).size == a.size + 2 * more


def test_a_box_within_another_starts_from_its_corner():
    inner, outer = Box(Span(5, 7), Span(9, 12)), Box(Span(4, 10), Span(9, 20))
    assert inner.within(outer) == Box(Span(1, 3), Span(0, 3))
    array = np.arange(400).reshape(20, 20)
    assert (array[outer.slices][inner.within(outer).slices] == array[inner.slices]).all()


@given(axes())
def test_blocks_partition_the_axis_on_a_regular_grid(axis):
    covered = [x for i in range(axis.count) for x in range(axis.block(i).start, axis.block(i).stop)]
    assert covered == list(range(axis.size))
    assert all(axis.block(i).start == i * axis.block_px for i in range(axis.count))
    assert all(axis.block(i).size > 0 for i in range(axis.count))


@given(axes())
def test_a_tile_reads_all_it_has_a_say_in(axis):
    for i in range(axis.count):
        read, support = axis.read(i), axis.support(i)
        assert read.size == axis.tile_px
        assert pixels(axis.block(i)) <= pixels(support) <= pixels(read)
        if not axis.wraps:
            assert pixels(read) <= set(range(axis.size))


@given(axes(wraps=st.just(False)))
def test_between_the_feather_and_the_edge_of_a_tile_lies_a_halo(axis):
    """The network's answer at a tile's own border is used only where the border is the picture's."""
    halo_px = axis.feather_px // 2
    for i in range(axis.count):
        read, support = axis.read(i), axis.support(i)
        assert support.start - read.start >= halo_px or support.start == 0
        assert read.stop - support.stop >= halo_px or support.stop == axis.size


@given(axes())
def test_ramps_are_a_partition_of_unity(axis):
    total = np.zeros(axis.size)
    for i in range(axis.count):
        ramp, support = axis.ramp(i), axis.support(i)
        assert ramp.shape == (support.size,)
        assert ramp.min() >= -1e-6
        assert ramp.max() <= 1 + 1e-6
        np.add.at(total, np.arange(support.start, support.stop) % axis.size, ramp)
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(axes())
def test_touching_names_every_tile_with_a_say_and_where_it_lies(axis):
    # A side of a pixel or two is within reach of itself several times around.
    most = 2 + axis.feather_px // axis.size
    turns = range(-most, most + 1) if axis.wraps else (0,)
    for i in range(axis.count):
        expected = {
            (tile, turn * axis.size)
            for tile in range(axis.count)
            for turn in turns
            if pixels(axis.support(tile).shift(turn * axis.size)) & pixels(axis.block(i))
        }
        found = list(axis.touching(i))
        assert set(found) == expected
        assert len(found) == len(set(found))


@given(axes(), spans)
def test_pieces_are_the_real_pixels_in_order(axis, span):
    found = [x for piece in axis.pieces(span) for x in range(piece.start, piece.stop)]
    assert found == [x % axis.size for x in range(span.start, span.stop)]


def test_a_side_that_fits_a_tile_is_one_tile_of_its_own_size():
    assert Axis.tiled(500, 512, 128) == Axis.single(500)
    assert Axis.single(500).read(0) == Span(0, 500)


def test_a_cut_is_crossed_smoothly():
    axis = Axis.tiled(1000, 512, 128)
    ramp = axis.ramp(0)
    assert (np.diff(ramp) <= 0).all()
    assert np.abs(np.diff(ramp)).max() < 1.6 / axis.feather_px


def test_every_small_tile_reads_all_it_has_a_say_in_shifted_or_not():
    for size, tile_px, wraps in product(range(1, 40), range(1, 13), (False, True)):
        for overlap_px in range(tile_px // 2 + 1):
            axis = Axis.tiled(size, tile_px, overlap_px, wraps=wraps)
            for some in (axis, axis.shifted()):
                for i in range(some.count):
                    support, read = some.support(i), some.read(i)
                    assert read.start <= support.start < support.stop <= read.stop, (some, i)


@given(axes())
def test_a_shifted_axis_is_one_too_and_has_no_cut_of_the_first_near_its_own(axis):
    """Its blocks partition the side, its weights sum to 1, its tiles read what they have a say in."""
    shifted = axis.shifted()
    covered = [x % axis.size for i in range(shifted.count) for x in pixels(shifted.block(i))]
    assert sorted(covered) == list(range(axis.size))
    total = np.zeros(axis.size)
    for i in range(shifted.count):
        support = shifted.support(i)
        assert pixels(support) <= pixels(shifted.read(i))
        np.add.at(total, np.arange(support.start, support.stop) % axis.size, shifted.ramp(i))
    assert total == pytest.approx(1, abs=1e-6)
    for i in range(1, axis.count):
        away = [abs(shifted.block(k).start - axis.block(i).start) for k in range(1, shifted.count)]
        assert all(px >= axis.block_px // 2 for px in away)
