import zlib
from io import BytesIO

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.image.pictures import SRGB, noise, output_image
from tiler.image.source import Metadata
from tiler.image.write import png as png_writer

COLOUR_AND_ALPHA = {1: ("grey", None), 2: ("grey", "straight"), 3: ("rgb", None), 4: ("rgb", "straight")}


def written(pixels, band_rows=512, metadata=Metadata()):  # noqa: B008
    """Return the bytes that `write` makes of (h, w, samples) pixels."""
    file = BytesIO()
    png_writer.write(file, output_image(pixels, *COLOUR_AND_ALPHA[pixels.shape[2]], metadata, band_rows))
    return file.getvalue()


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 4),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(1, 40),
    st.booleans(),
)
def test_another_reader_reads_what_is_written(height, width, samples, dtype, band_rows, smooth):
    pixels = noise((height, width, samples), dtype)
    if smooth:
        pixels = np.sort(pixels, axis=0)
    image = pyvips.Image.new_from_buffer(written(pixels, band_rows), "", fail_on="warning")
    np.testing.assert_array_equal(image.numpy().reshape(pixels.shape), pixels)


@given(st.lists(st.binary(min_size=1, max_size=9000), min_size=1, max_size=5), st.integers(1, 4000))
def test_blocks_joined_are_one_stream(parts, block_bytes):
    before = png_writer.BLOCK_BYTES
    png_writer.BLOCK_BYTES = block_bytes
    try:
        stream = b"".join(png_writer._stream(iter(parts), 2))
    finally:
        png_writer.BLOCK_BYTES = before
    assert zlib.decompress(stream) == b"".join(parts)


def test_a_block_refers_to_the_block_before():
    """The same noise twice is deflated to the size of one only if the second block may refer to the first."""
    noise_bytes = noise((30_000,), np.uint8).tobytes()
    assert len(b"".join(png_writer._stream(iter([noise_bytes, noise_bytes]), 1))) < 32_000


@pytest.mark.parametrize("part_bytes", [1, 30_000, 2**24])
def test_rows_are_filtered_a_few_at_a_time(monkeypatch, part_bytes):
    monkeypatch.setattr(png_writer, "PART_BYTES", part_bytes)
    pixels = noise((700, 900, 4), np.uint16)
    image = pyvips.Image.new_from_buffer(written(pixels), "", fail_on="warning")
    np.testing.assert_array_equal(image.numpy(), pixels)


def test_profile_and_resolution_are_kept():
    content = written(noise((20, 30, 4), np.uint8), metadata=Metadata(SRGB, (300.0, 240.0)))
    with Image.open(BytesIO(content)) as image:
        image.load()
        assert image.mode == "RGBA"
        assert image.info["icc_profile"] == SRGB
        assert np.abs(np.subtract(image.info["dpi"], (300, 240))).max() < 0.02
