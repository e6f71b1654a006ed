from contextlib import closing

import numpy as np
import pytest

from tests.image.kinds import picture
from tiler.core.geometry import Box
from tiler.errors import InputError
from tiler.image.open import open_source

heif = pytest.importorskip("pillow_heif")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_alpha_of_its_own_is_kept(tmp_path, mode):
    rgb = picture((64, 96))
    pixels = np.dstack([rgb, rgb[::-1, :, 0]])[..., : len(mode)]
    made = heif.from_bytes(mode, (96, 64), np.ascontiguousarray(pixels).tobytes())
    made.save(tmp_path / "picture", quality=-1, chroma=444, matrix_coefficients=0, format="HEIF")
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.has_alpha == (mode == "RGBA")
        assert np.abs(source.read(Box.whole(source.shape)).astype(int) - pixels).max() <= 3


def test_a_heic_whose_pixels_are_missing_is_refused(tmp_path):
    made = heif.from_bytes("RGB", (96, 64), picture((64, 96)).tobytes())
    made.save(tmp_path / "picture", format="HEIF")
    data = (tmp_path / "picture").read_bytes()
    (tmp_path / "picture").write_bytes(data[: data.index(b"mdat") + 4])
    with pytest.raises(InputError, match="damaged or cut short"):
        open_source(tmp_path / "picture")
