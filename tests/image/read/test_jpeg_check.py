from contextlib import suppress
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.image.pictures import noise, write_tiff
from tiler.core.geometry import Box
from tiler.errors import InputError
from tiler.image.open import open_source
from tiler.image.read.jpeg_check import check_jpeg, check_jpeg_2000

NOISE = noise((64, 80, 3), np.uint8)
STREAM = imagecodecs.jpeg8_encode(NOISE, level=90)
STREAM_2000 = imagecodecs.jpeg2k_encode(NOISE, level=0, codecformat="j2k")


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.booleans(),
    st.fixed_dictionaries(
        {"quality": st.integers(1, 100), "subsampling": st.integers(0, 2)},
        optional={name: st.booleans() for name in ("optimize", "progressive")} | {"restart_marker_blocks": st.just(2)},
    ),
)
def test_sound_streams_pass(height, width, grey, how):
    file = BytesIO()
    Image.fromarray(NOISE[:height, :width, 0] if grey else NOISE[:height, :width]).save(file, "JPEG", **how)
    check_jpeg(file.getvalue() + b"\0")


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_zeros_before_the_end_are_padding(height, width, count):
    stream = imagecodecs.jpeg8_encode(NOISE[:height, :width], level=90)
    check_jpeg(stream[:-2] + bytes(count) + stream[-2:])


def test_a_rare_sampling_is_checked_as_well():
    """CMYK with subsampled colours: no common sampling, and another decoder."""
    file = BytesIO()
    Image.fromarray(np.dstack([NOISE, NOISE[..., 0]]), "CMYK").save(file, "JPEG", quality=90, subsampling=2)
    stream = file.getvalue()
    check_jpeg(stream)
    with pytest.raises(ValueError, match="damaged"):
        check_jpeg(stream[: len(stream) // 2] + stream[-2:])


@given(st.integers(2, STREAM.index(b"\xff\xda")), st.binary(min_size=1, max_size=3))
def test_whatever_a_header_says_it_is_sound_or_refused(at, other):
    """Also a frame of 200 components, or of none."""
    with suppress(ValueError):
        check_jpeg(STREAM[:at] + other + STREAM[at + len(other) :])


def test_a_frame_header_that_is_cut_is_refused():
    for components in (1, 3, 200):
        header = b"\xff\xd8\xff\xc0" + (8).to_bytes(2, "big") + b"\x08\0\1\0\1" + bytes([components])
        with pytest.raises(ValueError, match="damaged"):
            check_jpeg(header + b"\xff\xda\0\2\xff\xd9")


def test_most_flipped_bits_of_a_small_stream_are_found():
    """What is not found decodes to other pixels without a warning."""
    stream = imagecodecs.jpeg8_encode(NOISE[:32, :32], level=90)
    scan = stream.index(b"\xff\xda")
    found = 0
    bits = range(8 * scan, 8 * (len(stream) - 2), 29)
    for bit in bits:
        flipped = bytearray(stream)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            check_jpeg(bytes(flipped))
        except ValueError:
            found += 1
    assert found > 0.4 * len(bits)


def test_a_tiff_may_keep_tables_apart_from_streams():
    """Tables that are given once serve every stream; a stream without them is refused."""
    at = STREAM.index(b"\xff\xc0")
    tables, rest = STREAM[:at] + b"\xff\xd9", STREAM[:2] + STREAM[at:]
    check_jpeg(rest, tables)
    with pytest.raises(ValueError, match="damaged"):
        check_jpeg(rest)


@given(st.integers(1, len(STREAM) - 1))
def test_a_jpeg_cut_anywhere_is_refused(kept):
    with pytest.raises(ValueError, match=r"short|header|damaged|pixels"):
        check_jpeg(STREAM[:kept])
    # An end marker that is added does not help, unless all but the last blocks are there.
    if kept < len(STREAM) * 3 // 4:
        with pytest.raises(ValueError, match=r"short|header|damaged|pixels"):
            check_jpeg(STREAM[:kept] + b"\xff\xd9")


def test_other_data_in_the_middle_is_nearly_always_refused():
    """Random data hold no stray marker in 3 of 100 cases."""
    refused = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        at = int(rng.integers(700, len(STREAM) - 1200))
        try:
            check_jpeg(STREAM[:at] + rng.bytes(1000) + STREAM[at + 1000 :])
        except ValueError:
            refused += 1
    assert refused >= 95


def test_sound_codestreams_pass():
    for stream in (STREAM_2000, imagecodecs.jpeg2k_encode(NOISE, level=30, codecformat="j2k")):
        check_jpeg_2000(stream)
        check_jpeg_2000(stream + b"\0")


@given(st.integers(0, len(STREAM_2000) - 3))
def test_a_codestream_cut_anywhere_is_refused(kept):
    for stream in (STREAM_2000[:kept], STREAM_2000[:kept] + b"\xff\xd9", STREAM_2000[:kept] + STREAM_2000[kept + 1 :]):
        with pytest.raises(ValueError, match=r"codestream|header|add up"):
            check_jpeg_2000(stream)


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000"])
def test_a_damaged_tile_of_a_tiff_is_refused(tmp_path, compression):
    path = tmp_path / "picture.tif"
    write_tiff(path, (64, 64), tile=(64, 64), compression=compression)
    data = path.read_bytes()
    at = len(data) // 2
    path.write_bytes(data[:at] + b"\xff\xd9" * 300 + data[at + 600 :])
    if compression == "jpeg2000":
        at = data.index(b"\xff\x90") + 9
        path.write_bytes(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])
    source = open_source(path)
    with pytest.raises(InputError, match=r"picture.tif.*cannot be decoded"):
        source.read(Box.whole(source.shape))
    source.close()
