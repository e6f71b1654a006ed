import struct
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.image.metadata.test_xmp import NAME, packet, properties
from tests.image.pictures import noise
from tiler.image.metadata.jpeg import metadata_of_jpeg
from tiler.image.open import open_source

XMP, EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def with_segments(path, *segments):
    Image.fromarray(noise((8, 9, 3), np.uint8)).save(path, "JPEG")
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"".join(segments) + data[2:])
    return path


def extended(extension, parts=((0, 100), (100, 9999))):
    main = segment(0xE1, XMP + packet(f' xmpNote:HasExtendedXMP="{NAME}" dc:format="a"'))
    head = EXTENSION + NAME.encode() + struct.pack(">I", len(extension))
    pieces = [segment(0xE1, head + struct.pack(">I", start) + extension[start:stop]) for start, stop in parts]
    return [main, *reversed(pieces)]


def test_extended_xmp_is_joined_in_whatever_order_it_lies(tmp_path):
    with closing(open_source(with_segments(tmp_path / "x.jpg", *extended(packet(' dc:source="abc"'))))) as source:
        found = properties(source.metadata.xmp)
        assert (found["source"], found["format"]) == ("abc", "a")
        assert source.metadata.notes == ()


@pytest.mark.parametrize("parts", [((0, 100),), ((0, 100), (110, 9999))])
def test_extended_xmp_with_a_gap_is_said(tmp_path, parts):
    found = metadata_of_jpeg(with_segments(tmp_path / "x.jpg", *extended(packet(' dc:source="abc"'), parts)))
    assert properties(found.xmp)["format"] == "a"
    assert "extended XMP is incomplete" in found.notes[0]


def test_comments_are_read_and_foreign_segments_said(tmp_path):
    segments = [segment(0xFE, "Tïtle".encode()), b"\0\0", segment(0xE1, b"FLIR\0abc"), segment(0xFE, b"b\xe9\0")]
    found = metadata_of_jpeg(with_segments(tmp_path / "x.jpg", *segments))
    assert found.texts == (("Comment", "Tïtle"), ("Comment", "bé"))
    assert found.notes == ("Its segments APP1 (FLIR) are not read, and not in the output.",)


@given(st.binary(max_size=80), st.sampled_from([b"", b"\xff\xe1\0\x60" + EXTENSION, b"\xff\xfe"]))
def test_damaged_segments_are_no_error(tmp_path_factory, data, start):
    path = tmp_path_factory.getbasetemp() / "damaged.jpg"
    path.write_bytes(b"\xff\xd8" + start + data)
    metadata_of_jpeg(path)
