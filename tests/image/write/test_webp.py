from io import BytesIO

import numpy as np
import pytest
import pyvips

from tests.image.pictures import SRGB, noise, output_image
from tiler.image.source import Metadata
from tiler.image.write import webp as webp_writer


@pytest.mark.parametrize("shape", [(1, 1), (40, 50), (1100, 3)])
@pytest.mark.parametrize("samples", [3, 4])
def test_every_colour_is_kept_even_where_transparent(shape, samples):
    pixels = noise((*shape, samples), np.uint8)
    if samples == 4:
        pixels[..., 3] = noise(shape, np.uint8) // 128 * 255
        pixels[0, 0, 3] = 7
    file = BytesIO()
    webp_writer.write(file, output_image(pixels, "rgb", "straight" if samples == 4 else None, Metadata(SRGB)))
    image = pyvips.Image.new_from_buffer(file.getvalue(), "", fail_on="warning")
    np.testing.assert_array_equal(image.numpy(), pixels)
    assert image.get("icc-profile-data") == SRGB
