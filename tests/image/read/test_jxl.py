from contextlib import closing

import imagecodecs
import numpy as np
import pytest

from tests.image.kinds import EXIF, XMP
from tests.image.pictures import noise
from tests.image.read.test_iso_boxes import box
from tiler.core.geometry import Box
from tiler.image.open import open_source
from tiler.image.read.jxl import MOST_ENTRY_BYTES

PIXELS = noise((20, 30, 3), np.uint8)
STREAM = imagecodecs.jpegxl_encode(PIXELS, lossless=True, usecontainer=True)
TIFF = EXIF.tobytes()[6:]


def plain(kind, content):
    return box(kind, content)


def compressed(kind, content):
    return box(b"brob", kind + imagecodecs.brotli_encode(content))


@pytest.mark.parametrize("form", [plain, compressed])
def test_exif_and_xmp_are_kept(tmp_path, form):
    (tmp_path / "picture").write_bytes(STREAM + form(b"Exif", bytes(4) + TIFF) + form(b"xml ", XMP))
    with closing(open_source(tmp_path / "picture")) as source:
        np.testing.assert_array_equal(source.read(Box.whole((20, 30))), PIXELS)
        assert (source.metadata.exif, source.metadata.xmp) == (TIFF, XMP)


def test_a_block_that_decompresses_to_too_much_is_left_out(tmp_path):
    (tmp_path / "picture").write_bytes(STREAM + compressed(b"xml ", bytes(MOST_ENTRY_BYTES + 1)))
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.metadata.xmp is None
