import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tiler.image.metadata.build import exif_block, exif_tables, stuck_maker_note
from tiler.image.metadata.exif import packed_block, tables_at
from tiler.image.source import Metadata


def with_interoperability(index, endian="<", note=None):
    """Return an Exif block of a camera that states a rule of interoperability."""
    block = Image.Exif()
    block.endian = endian
    block[271] = "Maker"
    inner = block.get_ifd(34665)
    inner[36867] = "2026:01:02 03:04:05"
    if note is not None:
        inner[37500] = note
    inner[40965] = {1: index, 2: b"0100", 4097: 4000}
    return block.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("endian", ["<", ">"])
def test_the_rule_of_interoperability_is_kept(endian):
    after = Image.Exif()
    after.load(exif_block(Metadata(exif=with_interoperability("R03", endian)), (5, 4)))
    assert after.get_ifd(40965) == {1: "R03", 2: b"0100"}


@pytest.mark.parametrize(("index", "kept"), [("R98", 0), ("R03", 2)])
def test_a_tiff_states_only_the_rule_that_says_more_than_srgb(index, kept):
    assert len(exif_tables(with_interoperability(index), (5, 4), tiff=True).interoperability) == kept


def test_a_tiff_has_what_exif_requires_and_not_what_describes_a_jpeg():
    block = Image.Exif()
    inner = block.get_ifd(34665)
    inner[36867], inner[37121], inner[40962], inner[40963] = "2026:01:02 03:04:05", b"\1\2\3\0", 4, 5
    tables = exif_tables(block.tobytes()[6:], (5, 4), tiff=True)
    assert {code for code, *_ in tables.photo} == {36864, 36867, 40960, 40961}


def test_a_maker_note_that_cannot_be_moved_is_left_out_and_named():
    note = struct.pack("<HHHIIHHIII", 2, 1, 2, 8, 2**31, 3, 2, 8, 2**31, 0)
    exif = with_interoperability("R98", note=note)
    assert stuck_maker_note(exif) == "Maker"
    assert 37500 not in {code for code, *_ in exif_tables(exif, (5, 4)).photo}
    assert stuck_maker_note(with_interoperability("R98", note=b"of no known kind")) is None


@given(st.binary(max_size=120), st.sampled_from("<>"))
def test_tables_of_any_bytes_are_packed_and_read_back(data, order):
    found = tables_at(BytesIO(data), order, 2)
    block = packed_block(order, found)
    again = tables_at(BytesIO(block), order, 8)
    assert sorted(again.main) == sorted(found.main)
    assert sorted(again.gps) == sorted(found.gps)
