from pathlib import Path

import numpy as np
import pytest

from tests.image.pictures import noise
from tiler.core.geometry import Box, Span
from tiler.image.layers.target import Target, dithered, in_colours_of


def test_without_profiles_only_the_depth_changes():
    pixels = noise((5, 6, 3), np.uint8)
    target = Target((5, 6), np.dtype(np.uint16), None)
    np.testing.assert_array_equal(in_colours_of(target, pixels, None, Path("a")), pixels * np.uint16(257))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_more_than_8_bits_are_rounded_or_kept(dtype):
    exact = np.random.default_rng(0).random((4, 5, 3), np.float32) * 60000
    got = dithered(exact, Box.whole((4, 5)), np.dtype(dtype))
    np.testing.assert_array_equal(got, np.rint(exact) if dtype == np.uint16 else exact)


def test_8_bits_have_the_mean_that_they_should_at_every_place():
    exact = np.full((64, 64, 3), 100.3, np.float32)
    got = dithered(exact, Box.whole((64, 64)), np.dtype(np.uint8))
    assert set(np.unique(got)) == {100, 101}
    blocks = got[..., 0].reshape(8, 8, 8, 8).mean(axis=(1, 3))
    np.testing.assert_allclose(blocks, 100.3, atol=0.06)


def test_a_box_has_the_noise_of_its_place_and_whole_numbers_have_none():
    exact = np.random.default_rng(0).random((40, 50, 3), np.float32) * 255
    whole = dithered(exact, Box.whole((40, 50)), np.dtype(np.uint8))
    box = Box(Span(7, 30), Span(11, 49))
    np.testing.assert_array_equal(dithered(exact[box.slices], box, np.dtype(np.uint8)), whole[box.slices])
    flat = np.rint(exact) + np.float32(1e-5)
    np.testing.assert_array_equal(dithered(flat, Box.whole((40, 50)), np.dtype(np.uint8)), np.rint(exact))
