import struct

from hypothesis import given
from hypothesis import strategies as st

from tiler.image.read.iso_boxes import boxes, first_of_each

KINDS = st.binary(min_size=4, max_size=4)


def box(kind, content, *, wide=False):
    if wide:
        return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), kind) + content


@given(st.lists(st.tuples(KINDS, st.binary(max_size=20), st.booleans())))
def test_boxes_are_read_back(parts):
    data = b"".join(box(kind, content, wide=wide) for kind, content, wide in parts)
    assert list(boxes(data)) == [part[:2] for part in parts]
    assert first_of_each(data) == {kind: content for kind, content, _ in reversed(parts)}


@given(st.binary(max_size=60))
def test_damaged_boxes_are_no_error(data):
    assert sum(len(content) + 8 for _, content in boxes(data)) <= len(data)


def test_the_last_box_may_reach_to_the_end():
    assert list(boxes(box(b"jP  ", b"1") + b"\0\0\0\0jp2crest")) == [(b"jP  ", b"1"), (b"jp2c", b"rest")]
