import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.image.prefetch import prefetched


@given(st.lists(st.integers()))
def test_items_come_in_order_as_from_map(items):
    with prefetched(str, items) as made:
        assert list(made) == list(map(str, items))


def test_one_is_made_ahead_and_no_more():
    made = []
    with prefetched(lambda item: made.append(item) or item, range(9)) as got:
        for at, item in enumerate(got):
            assert item == at
            assert len(made) <= at + 2


def test_an_error_is_raised_in_the_place_of_its_item():
    with prefetched(lambda item: 1 // item, [1, 1, 0, 1]) as got:
        assert [next(got), next(got)] == [1, 1]
        with pytest.raises(ZeroDivisionError):
            next(got)


def test_the_thread_ends_with_the_block_though_items_are_left():
    before = set(threading.enumerate())
    with prefetched(str, range(9)) as got:
        assert next(got) == "0"
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) == before
