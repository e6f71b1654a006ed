import struct
from contextlib import closing

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from tests.image.kinds import EXIF, XMP
from tests.image.pictures import SRGB, noise
from tests.image.read.test_iso_boxes import box
from tiler.core.geometry import Box
from tiler.image.open import open_source
from tiler.image.own_alpha import straight
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


def of_pillow(path, mode, **more):
    Image.fromarray(noise((40, 50, 4), np.uint8)).convert(mode).save(path, "JPEG2000", **more)


@pytest.mark.parametrize(("mode", "samples"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
def test_an_alpha_that_the_channels_define_is_kept(tmp_path, mode, samples):
    of_pillow(tmp_path / "picture", mode)
    with Image.open(tmp_path / "picture") as image, closing(open_source(tmp_path / "picture")) as source:
        assert source.has_alpha == (samples in (2, 4))
        assert source.metadata.notes == ()
        np.testing.assert_array_equal(source.read(Box.whole(source.shape)), np.asarray(image).reshape(40, 50, samples))


def test_a_channel_that_nothing_defines_is_left_out_and_that_is_said(tmp_path):
    of_pillow(tmp_path / "picture", "RGBA")
    data = (tmp_path / "picture").read_bytes()
    (tmp_path / "picture").write_bytes(data.replace(b"cdef", b"free"))
    with closing(open_source(tmp_path / "picture")) as source:
        assert not source.has_alpha
        assert "further channels" in source.metadata.notes[0]


def test_colours_multiplied_by_their_alpha_are_divided_by_it(tmp_path):
    of_pillow(tmp_path / "picture", "RGBA")
    data = (tmp_path / "picture").read_bytes()
    at = data.index(b"cdef") + 6 + 3 * 6
    assert data[at : at + 6] == b"\0\3\0\1\0\0"
    with closing(open_source(tmp_path / "picture")) as source:
        pixels = source.read(Box.whole(source.shape)).copy()
    (tmp_path / "picture").write_bytes(data[: at + 3] + b"\2" + data[at + 4 :])
    with closing(open_source(tmp_path / "picture")) as source:
        np.testing.assert_array_equal(source.read(Box.whole(source.shape)), straight(pixels))
