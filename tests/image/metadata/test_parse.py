from contextlib import closing

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from tests.image.pictures import noise
from tiler.core.geometry import Box
from tiler.image.info import describe
from tiler.image.metadata.parse import image_resources, iptc_in, orientation_in, upright_exif
from tiler.image.open import open_source

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
IIM = b"\x1c\x02\x05\x00\x05Title"
RESOURCES = b"8BIM\x04\x04\0\0" + len(IIM).to_bytes(4, "big") + IIM + bytes(len(IIM) % 2)


def exif_with(orientation=6):
    block = Image.Exif()
    block[271], block[274] = "Maker", orientation
    block.get_ifd(34665)[36867] = "2026:01:02 03:04:05"
    return block


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_is_kept_and_the_picture_is_upright(tmp_path, kind, orientation):
    path = tmp_path / "picture"
    Image.fromarray(noise((40, 60, 3), np.uint8)).save(path, kind, exif=exif_with(orientation).tobytes(), lossless=True)
    with Image.open(path) as image:
        wanted = np.asarray(ImageOps.exif_transpose(image))
    with closing(open_source(path)) as source:
        np.testing.assert_array_equal(source.read(Box.whole(source.shape)), wanted)
        kept = Image.Exif()
        kept.load(source.metadata.exif)
    assert (kept[271], kept[274]) == ("Maker", 1)
    assert kept.get_ifd(34665)[36867] == "2026:01:02 03:04:05"


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_xmp_and_iptc_of_a_tiff(tmp_path, byteorder, big):
    path = tmp_path / "picture"
    tags = [(700, 1, len(XMP), XMP, False), (34377, 1, len(RESOURCES), RESOURCES, False), (271, 2, 0, "Maker", False)]
    pixels = np.zeros((8, 9, 3), np.uint8)
    tifffile.imwrite(path, pixels, photometric="rgb", byteorder=byteorder, bigtiff=big, extratags=tags)
    with closing(open_source(path)) as source:
        assert (source.metadata.xmp, source.metadata.iptc) == (XMP, IIM)
        kept = Image.Exif()
        kept.load(source.metadata.exif)
    assert kept[271] == "Maker"
    assert "EXIF, XMP, IPTC" in describe(path)


@pytest.mark.parametrize("zipped", [False, True])
def test_xmp_of_a_png(tmp_path, zipped):
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=zipped)
    Image.fromarray(noise((8, 9, 3), np.uint8)).save(tmp_path / "picture", "PNG", pnginfo=info)
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.metadata.xmp == XMP


def test_xmp_and_iptc_of_a_jpeg(tmp_path):
    path = tmp_path / "picture"
    Image.fromarray(noise((8, 9, 3), np.uint8)).save(path, "JPEG", xmp=XMP)
    segment = b"Photoshop 3.0\0" + RESOURCES
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:])
    with closing(open_source(path)) as source:
        assert (source.metadata.xmp, source.metadata.iptc) == (XMP, IIM)


@given(st.binary(max_size=80), st.sampled_from([b"", b"II*\0", b"MM\0*", b"8BIM"]))
def test_a_damaged_block_is_no_error(junk, start):
    list(image_resources(start + junk))
    iptc_in(start + junk)
    upright = upright_exif(start + junk)
    assert upright is None or orientation_in(upright) == 1
