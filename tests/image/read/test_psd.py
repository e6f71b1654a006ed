import struct
from contextlib import closing

import numpy as np
import pytest

from tests.image.kinds import psd
from tests.image.pictures import noise
from tiler.core.geometry import Box
from tiler.image.open import open_source

# A section of layers that holds nothing but a count; a negative one says that the flattened picture is transparent.
NO_LAYERS = struct.pack(">IIhxx", 8, 4, 0)
TRANSPARENT = struct.pack(">IIhxx", 8, 4, -1)
OF_16_BITS = struct.pack(">II", 16, 0) + b"8BIMMt16" + bytes(4)


def write(path, pixels, mode, layers):
    """Write a PSD of (h, w, samples) pixels, whose colours are on white as Photoshop shows them."""
    psd(pixels, mode)(path)
    data = path.read_bytes()
    at = 26
    for _ in range(2):
        at += 4 + struct.unpack_from(">I", data, at)[0]
    path.write_bytes(data[:at] + layers + data[at + 4 :])


def on_white(pixels):
    top = np.iinfo(pixels.dtype).max
    share = pixels[..., -1:] / top
    return np.dstack([np.rint(pixels[..., :-1] * share + top * (1 - share)), pixels[..., -1:]]).astype(pixels.dtype)


@pytest.mark.parametrize(("dtype", "layers"), [(np.uint8, TRANSPARENT), (np.uint16, OF_16_BITS)])
@pytest.mark.parametrize(("mode", "colours"), [(1, 1), (3, 3)])
def test_the_transparency_of_the_flattened_picture_is_its_alpha(tmp_path, dtype, layers, mode, colours):
    pixels = noise((20, 30, colours + 1), dtype)
    pixels[..., -1] |= 1 << (np.iinfo(dtype).bits - 1)
    write(tmp_path / "picture", on_white(pixels), mode, layers)
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.has_alpha
        found = source.read(Box.whole(source.shape))
    np.testing.assert_array_equal(found[..., -1], pixels[..., -1])
    assert np.abs(found.astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("layers", [NO_LAYERS, bytes(4)])
def test_a_saved_selection_is_left_out_and_that_is_said(tmp_path, layers):
    pixels = noise((20, 30, 4), np.uint8)
    write(tmp_path / "picture", pixels, 3, layers)
    with closing(open_source(tmp_path / "picture")) as source:
        assert not source.has_alpha
        assert "further channels" in source.metadata.notes[-1]
        np.testing.assert_array_equal(source.read(Box.whole(source.shape)), pixels[..., :3])
