from contextlib import closing

import numpy as np
import pytest

from tiler.image.open import open_source

openexr = pytest.importorskip("OpenEXR")
# ACES AP0 (SMPTE ST 2065-1).
WIDE = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
REC_709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


def metadata(path, **header):
    pixels = np.zeros((8, 9, 3), np.float16)
    plain = {"type": openexr.scanlineimage, "compression": openexr.ZIP_COMPRESSION}
    with openexr.File(plain | header, {"RGB": pixels}) as file:
        file.write(str(path))
    with closing(open_source(path)) as source:
        return source.metadata


def test_the_resolution_is_kept(tmp_path):
    assert metadata(tmp_path / "picture").dpi is None
    assert metadata(tmp_path / "picture", xDensity=300.0).dpi == (300, 300)
    assert metadata(tmp_path / "picture", xDensity=300.0, pixelAspectRatio=2.0).dpi == (300, 600)


def test_other_primaries_are_noted(tmp_path):
    assert metadata(tmp_path / "picture", chromaticities=REC_709).notes == ()
    assert "primaries" in metadata(tmp_path / "picture", chromaticities=WIDE).notes[0]
