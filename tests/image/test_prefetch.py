import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.image.prefetch import MOST_AHEAD, prefetched


@given(st.lists(st.integers()), st.integers(1, 9))
def test_items_come_in_order_as_from_map(items, threads):
    with prefetched(str, items, threads) as made:
        assert list(made) == list(map(str, items))


@pytest.mark.parametrize(("threads", "ahead"), [(1, 1), (3, 3), (99, MOST_AHEAD)])
def test_so_many_are_made_ahead_and_no_more(threads, ahead):
    made = []
    with prefetched(lambda item: made.append(item) or item, range(9), threads) as got:
        for at, item in enumerate(got):
            assert item == at
            assert len(made) <= at + 1 + ahead


def test_threads_work_side_by_side():
    met = threading.Barrier(2, timeout=20)
    with prefetched(lambda _: met.wait() in (0, 1), range(4), 2) as got:
        assert list(got) == [True] * 4


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
