import struct
from contextlib import closing

import imagecodecs
import numpy as np
import pytest

from tests.image.kinds import EXIF, XMP
from tests.image.pictures import SRGB, noise
from tests.image.read.test_iso_boxes import box
from tiler.core.geometry import Box
from tiler.image.open import open_source
from tiler.image.read import jp2
from tiler.image.read.iso_boxes import boxes

PIXELS = noise((20, 30, 3), np.uint8)
TIFF = EXIF.tobytes()[6:]


def written(path, inside_head=b"", behind=b""):
    """Write a JP2 with more boxes in its header and behind its codestream."""
    data = b""
    for kind, content in boxes(imagecodecs.jpeg2k_encode(PIXELS, level=0)):
        data += box(kind, inside_head + content if kind == b"jp2h" else content)
    path.write_bytes(data + behind)


def test_exif_xmp_iptc_and_the_profile_are_kept(tmp_path):
    path = tmp_path / "picture"
    blocks = {jp2.EXIF: TIFF, jp2.XMP: XMP, jp2.IPTC: b"\x1c\x02\x05\0\1T"}
    written(path, box(b"colr", b"\2\0\0" + SRGB), b"".join(box(b"uuid", uuid + data) for uuid, data in blocks.items()))
    with closing(open_source(path)) as source:
        np.testing.assert_array_equal(source.read(Box.whole((20, 30))), PIXELS)
        kept = source.metadata
    assert (kept.icc, kept.exif, kept.xmp, kept.iptc) == (SRGB, TIFF, XMP, blocks[jp2.IPTC])


@pytest.mark.parametrize("kind", [b"resc", b"resd"])
def test_the_resolution_is_kept(tmp_path, kind):
    # 150 dpi down and 300 across, in pixels per metre.
    written(tmp_path / "picture", box(b"res ", box(kind, struct.pack(">HHHHbb", 59055, 10000, 11811, 1, 3, 0))))
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.metadata.dpi == pytest.approx((300, 150), rel=1e-4)


def test_a_bare_codestream_has_no_metadata(tmp_path):
    (tmp_path / "picture").write_bytes(imagecodecs.jpeg2k_encode(PIXELS, level=0, codecformat="j2k"))
    with closing(open_source(tmp_path / "picture")) as source:
        np.testing.assert_array_equal(source.read(Box.whole((20, 30))), PIXELS)
        assert (source.metadata.icc, source.metadata.xmp, source.metadata.dpi) == (None, None, None)
