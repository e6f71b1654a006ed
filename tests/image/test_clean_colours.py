import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import RecordedProgress
from tests.image.pictures import boxes, noise
from tiler.core.geometry import Box
from tiler.image import clean_colours
from tiler.image.clean_colours import HALF_STEP, WHITE, with_clean_colours
from tiler.progress import Silent

DTYPES = [np.uint8, np.uint16, np.float32]
SHAPE = (70, 90)


def soft_alpha(shape=SHAPE):
    """Return a disk with a soft edge, on half of whose pixels the alpha is nearly, but not quite, 1."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(y - shape[0] / 2, x - shape[1] / 2) - min(shape) / 4
    alpha = np.rint(np.clip(0.5 - distance / 8, 0, 1) * WHITE).astype(np.uint16)
    return np.where((alpha == WHITE) & ((x + y) % 2 == 0), WHITE - (7 * x + y) % 200, alpha).astype(np.uint16)


def pixels_of(dtype, samples=3, shape=SHAPE):
    if dtype == np.float32:
        return np.random.default_rng(0).random((*shape, samples), np.float32) * 3
    return noise((*shape, samples), dtype)


def cleaned(pixels, alpha, threads=2, progress=None):
    return with_clean_colours(
        lambda box: (pixels[box.slices], alpha[box.slices]),
        alpha.shape,
        pixels.dtype,
        threads,
        progress or Silent(),
    )


def whole(pixels, alpha, **more):
    return cleaned(pixels, alpha, **more)(Box.whole(alpha.shape))[0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("samples", [1, 3, 4])
def test_saturated_pixels_keep_their_samples_bit_for_bit(dtype, samples):
    pixels, alpha = pixels_of(dtype, samples), soft_alpha()
    got = whole(pixels, alpha)
    saturated = (alpha == 0) | (alpha == WHITE)
    assert got.dtype == pixels.dtype
    np.testing.assert_array_equal(got[saturated], pixels[saturated])
    assert (got[~saturated] != pixels[~saturated]).any()


def test_of_8_bits_what_is_within_half_a_step_of_opaque_keeps_its_samples_and_is_within_a_step_of_its_colour():
    alpha = soft_alpha((300, 300))
    alpha[alpha == WHITE] = WHITE - 90
    pixels = pixels_of(np.uint8, shape=alpha.shape)
    got, exact = whole(pixels, alpha), whole(pixels.astype(np.uint16) * 257, alpha) / 257
    near = (alpha > WHITE - 128) & (alpha < WHITE)
    np.testing.assert_array_equal(got[near], pixels[near])
    assert np.abs(got[near] - exact[near]).max() < 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [0, WHITE])
def test_without_mixed_pixels_the_picture_is_untouched(dtype, value):
    pixels = pixels_of(dtype)
    np.testing.assert_array_equal(whole(pixels, np.full(SHAPE, value, np.uint16)), pixels)


@settings(max_examples=30)
@given(dtype=st.sampled_from(DTYPES), box=boxes(SHAPE), threads=st.integers(1, 4), block_px=st.integers(5, 60))
def test_window_threads_and_blocks_change_nothing(dtype, box, threads, block_px):
    pixels, alpha = pixels_of(dtype), soft_alpha()
    expected = whole(pixels, alpha)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clean_colours, "BLOCK_PX", block_px)
        got, its_alpha = cleaned(pixels, alpha, threads)(box)
    np.testing.assert_array_equal(got, expected[box.slices])
    np.testing.assert_array_equal(its_alpha, alpha[box.slices])


def test_bands_of_the_first_reading_change_nothing(monkeypatch):
    pixels, alpha = pixels_of(np.uint16), soft_alpha()
    expected, progress = whole(pixels, alpha), RecordedProgress()
    monkeypatch.setattr(clean_colours, "BAND_ROWS", 8)
    np.testing.assert_array_equal(whole(pixels, alpha, progress=progress), expected)
    assert (progress.stages, progress.steps) == ([("colours", 9)], [9])


@pytest.mark.parametrize("dtype", DTYPES)
def test_flat_colours_come_out_flat(dtype):
    shape = (700, 600)  # several blocks, so a step at their borders would be seen
    alpha = soft_alpha(shape)
    share = (alpha / WHITE)[..., None]
    front, back = np.array([0.8, 0.3, 0.1]), np.array([0.1, 0.6, 0.9])
    mixed = share * front + (1 - share) * back
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    pixels = mixed.astype(dtype) if dtype == np.float32 else np.rint(mixed * top).astype(dtype)
    got = whole(pixels, alpha)[(alpha > 0.1 * WHITE)]
    assert np.abs(got / top - front).max() <= 1.5 / min(top, 65535) + (dtype == np.float32) / 65535


def test_in_8_bits_no_alpha_within_half_a_step_of_1_changes_a_sample():
    pixels = pixels_of(np.uint8)
    alpha = np.linspace(WHITE - HALF_STEP, WHITE, pixels[..., 0].size).reshape(SHAPE).astype(np.uint16)
    np.testing.assert_array_equal(whole(pixels, alpha), pixels)
    # So it would be whatever the background: F is (C - (1 - alpha) B) / alpha.
    share = (alpha / WHITE)[..., None]
    for back in (0, 255):
        front = (pixels - (1 - share) * back) / share
        np.testing.assert_array_equal(np.rint(np.clip(front, 0, 255)), pixels)


def test_what_is_no_number_stays_where_it_is():
    pixels, alpha = pixels_of(np.float32), soft_alpha()
    pixels[0, 0], pixels[35, 46] = np.nan, np.inf
    got = whole(pixels, alpha)
    assert np.isnan(got[0, 0]).all()
    assert np.isinf(got[35, 46]).all()
    assert np.isfinite(got[(alpha > 0) & (alpha < WHITE)]).all()
