from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.image.pictures import output_image
from tiler.core.geometry import Box
from tiler.image.open import open_source
from tiler.image.write import exr as exr_writer

OpenEXR = pytest.importorskip("OpenEXR")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("exr") / "out.exr"


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.sampled_from([("rgb", "RGB"), ("grey", "Y")]),
    st.booleans(),
    st.booleans(),
)
def test_another_reader_reads_what_is_written(path, shape, colour, alpha, smooth):
    name, channels = colour[0], colour[1] + ("A" if alpha else "")
    pixels = np.random.default_rng(0).normal(size=(*shape, len(channels))).astype(np.float16)
    if smooth:
        pixels = np.sort(pixels, axis=0)
    with path.open("w+b") as file:
        exr_writer.write(file, output_image(pixels, name, "premultiplied" if alpha else None, band_rows=32))
    with OpenEXR.File(str(path), separate_channels=True) as exr:
        got = exr.channels()
        assert set(got) == set(channels)
        for index, channel in enumerate(channels):
            np.testing.assert_array_equal(got[channel].pixels, pixels[..., index])


def test_our_own_reader_reads_what_is_written(path):
    pixels = np.random.default_rng(0).random((40, 50, 3)).astype(np.float16)
    with path.open("w+b") as file:
        exr_writer.write(file, output_image(pixels, "rgb", None))
    with closing(open_source(path)) as source:
        np.testing.assert_array_equal(source.read(Box.whole(source.shape)), pixels.astype(np.float32))
