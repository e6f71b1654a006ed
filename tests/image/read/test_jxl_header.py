import imagecodecs
import numpy as np
import pytest

from tiler.image.read.iso_boxes import first_of_each
from tiler.image.read.jxl_header import BARE, Header, header_of

SIZES = [(1, 1), (8, 8), (20, 30), (256, 512), (7, 3000), (300, 300)]


def stream(shape, dtype=np.uint8, **more):
    data = imagecodecs.jpegxl_encode(np.zeros(shape, dtype), lossless=True, **more)
    return data if data.startswith(BARE) else first_of_each(data)[b"jxlc"]


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_size_colour_and_alpha_are_those_written(shape, samples):
    header = header_of(stream((*shape, samples) if samples > 1 else shape))
    alpha = "straight" if samples in (2, 4) else None
    assert header == Header(shape, 8, alpha=alpha, grey=samples < 3)


@pytest.mark.parametrize("bits", range(1, 17))
def test_the_bits_are_those_written(bits):
    found = header_of(stream((5, 6, 3), np.uint8 if bits <= 8 else np.uint16, bitspersample=bits))
    # The encoder says of more than 8 bits that they are linear.
    assert found == Header((5, 6), bits, curve="srgb" if bits <= 8 else "linear")


@pytest.mark.parametrize(("dtype", "bits"), [(np.float32, 32), (np.float16, 16)])
def test_floats_are_told_by_their_bits(dtype, bits):
    assert header_of(stream((5, 6, 3), dtype)).bits == bits


def test_an_animation_is_told():
    assert header_of(stream((3, 5, 6, 3))).animated


def test_a_header_cut_short_or_of_something_else_is_refused():
    for wrong in (b"", b"\xff\x0a", b"\xff\x0a\0", b"\xff\xd8\xff\xe0" * 9):
        with pytest.raises(ValueError, match=r"cut short|no size"):
            header_of(wrong)


def packed(*numbers):
    """Return numbers, each with its bits, as a codestream; the lowest bit comes first."""
    bits, at = 0, 0
    for number, count in numbers:
        bits |= number << at
        at += count
    return BARE + bits.to_bytes(40, "little")


SMALL_SIZE = ((1, 1), (1, 5), (0, 3), (2, 5))  # 16 x 24 px
EIGHT_BITS = ((0, 1), (0, 2))


def further(kind, *rest):
    """Return a channel of 8 bits, of full size, without a name."""
    return ((0, 1), (2, 2), (kind - 2, 4)) if kind > 1 else ((0, 1), (kind, 2)), EIGHT_BITS, ((0, 2), (0, 2)), rest


def test_the_black_of_cmyk_and_a_multiplied_alpha_are_told():
    frame = ((1, 1), (5, 3), (0, 1), (0, 1), (0, 1))  # it lies in orientation 6
    channels = [part for kind in (further(4), further(0, (1, 1))) for group in kind for part in group]
    stream = packed(*SMALL_SIZE, (0, 1), *frame, *EIGHT_BITS, (1, 1), (2, 2), (0, 4), *channels, (1, 1), (1, 1))
    assert header_of(stream) == Header((16, 24), alpha="associated", has_black=True, orientation=6)


@pytest.mark.parametrize(("kind", "rest"), [(1, ()), (3, ()), (5, ((0, 2),)), (2, ((0, 64),))])
def test_channels_that_are_not_shown_are_told(kind, rest):
    channels = [part for group in further(kind, *rest) for part in group]
    stream = packed(*SMALL_SIZE, (0, 1), (0, 1), *EIGHT_BITS, (1, 1), (1, 2), *channels, (1, 1), (1, 1))
    # Those of spot colours are.
    assert header_of(stream) == Header((16, 24), has_more=kind != 2)
