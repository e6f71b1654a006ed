import struct
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from tiler.image.metadata.ifd import NUMBER_BYTES, TYPE_BYTES, entries, in_little_endian, packed


@st.composite
def tables(draw):
    codes = draw(st.lists(st.integers(1, 65535), unique=True, min_size=1, max_size=8))
    table = []
    for code in codes:
        kind, count = draw(st.sampled_from(sorted(TYPE_BYTES))), draw(st.integers(1, 9))
        size = TYPE_BYTES[kind] * count
        table.append((code, kind, count, draw(st.binary(min_size=size, max_size=size))))
    return sorted(table)


@given(tables(), st.sampled_from("<>"), st.booleans(), st.integers(0, 99).map(lambda n: 2 * n))
def test_a_packed_directory_is_read_back(table, order, big, at):
    file = BytesIO(bytes(at) + packed(order, table, at, big=big))
    assert list(entries(file, order, at, big=big)) == table


@given(st.binary(max_size=200), st.integers(0, 250), st.sampled_from("<>"), st.booleans())
def test_damaged_directories_are_no_error(data, offset, order, big):
    for _, kind, count, values in entries(BytesIO(data), order, offset, big=big):
        assert len(values) == TYPE_BYTES[kind] * count


@given(tables())
def test_numbers_keep_their_values_in_the_other_byte_order(table):
    letters = {1: "B", 2: "H", 4: "I", 8: "Q"}
    for entry in table:
        letter = letters[NUMBER_BYTES[entry[1]]]
        numbers = len(entry[3]) // NUMBER_BYTES[entry[1]]
        turned = in_little_endian(entry, ">")
        assert struct.unpack(f"<{numbers}{letter}", turned[3]) == struct.unpack(f">{numbers}{letter}", entry[3])
        assert in_little_endian(entry, "<") == entry
