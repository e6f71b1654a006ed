import struct
from contextlib import closing

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from tests.image.kinds import dng
from tests.image.pictures import noise
from tiler.core.geometry import Box
from tiler.image.info import describe
from tiler.image.metadata.ifd import packed
from tiler.image.metadata.parse import dpi_in, image_resources, iptc_in, orientation_in, upright_exif
from tiler.image.open import open_source
from tiler.image.read.jp2 import GEO

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


def exif_with_resolution(kind, data, order="<"):
    """Return an Exif block whose two resolutions have the type `kind` and the values `data`."""
    rows = [(code, kind, data) for code in (282, 283)] + [(296, 3, struct.pack(order + "H", 3))]
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8, 11: 4, 12: 8}
    table = [(code, kind, len(data) // sizes[kind], data) for code, kind, data in rows]
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + packed(order, table, 8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "letters", "values"), [(3, "H", (100,)), (4, "I", (100,)), (5, "II", (200, 2)), (12, "d", (1e2,))]
)
def test_a_resolution_may_have_any_type(tmp_path, order, kind, letters, values):
    exif = exif_with_resolution(kind, struct.pack(order + letters, *values), order)
    assert dpi_in(exif) == pytest.approx((254, 254))
    Image.fromarray(noise((8, 9, 3), np.uint8)).save(tmp_path / "picture", "WEBP", exif=b"Exif\0\0" + exif)
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.metadata.dpi == pytest.approx((254, 254), rel=0.01)


@pytest.mark.parametrize(
    ("kind", "data"), [(2, b"100\0"), (5, bytes(8)), (7, b"abcde"), (9, b"\xff\xff\xff\xff"), (11, b"\0\0\xc0\x7f")]
)
def test_a_resolution_that_is_no_number_is_none(kind, data):
    assert dpi_in(exif_with_resolution(kind, data)) is None


@pytest.mark.parametrize(("kind", "value"), [(3, 300), (4, 300), (11, 300.0), (2, "300"), (5, (0, 0))])
def test_a_tiff_whose_resolution_has_another_type_is_read(tmp_path, kind, value):
    pixels = np.zeros((8, 9, 3), np.uint8)
    tifffile.imwrite(tmp_path / "picture", pixels, photometric="rgb", resolution=(72, 72), metadata=None)
    # tifffile writes resolutions as rationals, so the entries are written over.
    data = bytearray((tmp_path / "picture").read_bytes())
    struct.pack_into("<H", data, data.index(struct.pack("<HHI", 296, 3, 1)) + 8, 2)
    for code in (282, 283):
        at = data.index(struct.pack("<HHI", code, 5, 1))
        short = {2: b"300\0", 3: struct.pack("<HH", 300, 0), 4: struct.pack("<I", 300), 11: struct.pack("<f", 300)}
        if kind in short:
            struct.pack_into("<HHI4s", data, at, code, kind, 4 if kind == 2 else 1, short[kind])
        else:
            struct.pack_into("<II", data, struct.unpack_from("<I", data, at + 8)[0], *value)
    (tmp_path / "picture").write_bytes(data)
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.metadata.dpi == (None if kind in (2, 5) else (300, 300))


def test_xmp_and_iptc_of_a_tiff_may_have_any_type(tmp_path):
    xmp = XMP + b" " * (-len(XMP) % 4)
    tags = [(700, 4, len(xmp) // 4, xmp, False), (33723, 4, 3, IIM + bytes(-len(IIM) % 4), False)]
    tifffile.imwrite(tmp_path / "picture", np.zeros((8, 9, 3), np.uint8), photometric="rgb", extratags=tags)
    with closing(open_source(tmp_path / "picture")) as source:
        assert (source.metadata.xmp, source.metadata.iptc.rstrip(b"\0")) == (xmp, IIM)


def test_floats_of_64_bits_are_said_to_be_read_as_32(tmp_path):
    tifffile.imwrite(tmp_path / "picture", np.zeros((8, 9, 3), np.float64), photometric="rgb")
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.metadata.notes == ("Its 64 bit floats are read as 32 bit.",)


def test_a_jpeg_2000_has_the_resolution_of_its_exif(tmp_path):
    exif = exif_with_resolution(3, struct.pack("<H", 100))
    data = bytes(imagecodecs.jpeg2k_encode(noise((8, 9, 3), np.uint8), level=0, codecformat="jp2"))
    for content in (b"JpgTiffExif->JP2" + exif, GEO + bytes(8)):
        data += struct.pack(">I", len(content) + 8) + b"uuid" + content
    (tmp_path / "picture").write_bytes(data)
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.metadata.dpi == pytest.approx((254, 254))
        assert source.metadata.notes == ("Its place on the Earth (GeoJP2) is not read, and not in the output.",)


def test_an_avif_has_the_resolution_of_its_exif(tmp_path):
    exif = exif_with_resolution(3, struct.pack("<H", 100))
    Image.fromarray(noise((8, 9, 3), np.uint8)).save(tmp_path / "picture", "AVIF", exif=b"Exif\0\0" + exif)
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.metadata.dpi == pytest.approx((254, 254))


def test_the_xmp_of_a_raw_file_is_said_not_to_be_read(tmp_path):
    pytest.importorskip("rawpy")
    dng(20, (700, 1, len(XMP), XMP, True))(tmp_path / "picture")
    with closing(open_source(tmp_path / "picture")) as source:
        assert source.metadata.xmp is None
        assert source.metadata.notes[-1] == "Its XMP is not read, and not in the output."
