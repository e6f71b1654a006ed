import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.image.metadata.maker_note import moved_note, without_previews

OLD = 3000


def note(entries, base, name=b"", order="<", behind=b""):
    """Return a maker note: `name`, then a directory of (code, type, count, values), whose pointers count from `base`.

    base: the byte of the note from which pointers count; -OLD for pointers that count from the start of the Exif block.
    """
    rows, values = struct.pack(order + "H", len(entries)), b""
    start = len(name) + 2 + 12 * len(entries) + 4
    for code, kind, count, data in entries:
        rows += struct.pack(order + "HHI", code, kind, count)
        rows += data if len(data) == 4 else struct.pack(order + "I", start + len(values) - base)
        values += b"" if len(data) == 4 else data
    return name + rows + bytes(4) + values + behind


TEXT, BLOCK = (6, 2, 8, b"IMG:EOS\0"), (1, 3, 6, bytes(range(12)))
NUMBER = (3, 4, 1, struct.pack("<I", 7))


@given(st.sampled_from(["<", ">"]), st.sampled_from([b"", b"SIGMA\0\1\0", b"SONY DSC \0\0\0"]), st.integers(8, 2**31))
def test_pointers_from_the_start_of_the_block_are_moved(order, name, new):
    entries = [BLOCK, (3, 4, 1, struct.pack(order + "I", 7)), TEXT]
    wanted = note(entries, -new, name, order)
    assert moved_note(note(entries, -OLD, name, order), OLD, new) == wanted


@given(
    st.sampled_from([b"Apple iOS\0\0\1MM", b"FUJIFILM\x0c\0\0\0", b"Nikon\0\2\x10\0\0MM\0*\0\0\0\x08"]),
    st.integers(8, 2**31),
)
def test_pointers_from_the_start_of_the_note_stay(name, new):
    own = note([BLOCK, NUMBER, TEXT], 0, name)
    assert moved_note(own, OLD, new) == own


def test_a_note_that_is_no_directory_or_points_nowhere_stays():
    for own in (b"KDK INFO" + bytes(range(60)), b"", b"\0", note([NUMBER], 0)):
        assert moved_note(own, OLD, 9) == own


def test_a_note_that_points_out_of_itself_cannot_be_moved():
    assert moved_note(note([BLOCK, NUMBER, TEXT], -OLD)[:-4], OLD, 9) is None


@given(st.integers(8, 2**31), st.integers(8, 2**31), st.booleans())
def test_a_note_that_is_moved_twice_is_as_if_moved_once(first, second, is_absolute):
    own = without_previews(note([BLOCK, NUMBER, TEXT], -OLD if is_absolute else 0))
    assert moved_note(moved_note(own, OLD, first), first, second) == moved_note(own, OLD, second)


def test_directories_within_the_values_are_moved():
    def olympus(at):
        inner_at = 2 + 12 * 3 + 4 + 8
        inner = note([BLOCK, NUMBER], -(at + inner_at))
        return note([TEXT, (0x2010, 7, len(inner), inner), (0x2020, 4, 1, struct.pack("<I", 4))], -at)

    assert moved_note(olympus(OLD), OLD, 77) == olympus(77)


def test_the_place_at_the_end_of_a_note_of_canon_is_moved():
    own = note([BLOCK, NUMBER, TEXT], -OLD, behind=b"II*\0" + struct.pack("<I", OLD))
    assert moved_note(own, OLD, 77)[-8:] == b"II*\0" + struct.pack("<I", 77)


@pytest.mark.parametrize(("name", "code"), [(b"AOC\0MM", 4), (b"OLYMP\0\1\0", 0x88), (b"", 0x83)])
def test_entries_that_lead_to_previews_give_way(name, code):
    own = note([NUMBER[:1] + NUMBER[1:], (code, 4, 1, struct.pack("<I", 9999)), (0x100, *TEXT[1:])], -OLD, name)
    left = without_previews(own)
    assert len(left) == len(own)
    assert struct.pack("<HHII", code, 4, 1, 9999) not in left
    assert own[-8:] == left[-8:]
    assert moved_note(left, OLD, 77)[-8:] == b"IMG:EOS\0"


@given(
    st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda data: b"\3\0" + data)), st.integers(0, 400)
)
def test_any_bytes_keep_their_length(data, old):
    moved = moved_note(data, old, 2**32 - 1)
    assert moved is None or len(moved) == len(data)
    assert len(without_previews(data)) == len(data)
