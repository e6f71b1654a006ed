from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.image.read.segment_cache import SegmentCache


def segment(index):
    return np.full(index % 7 + 1, index, np.uint8)


@given(st.lists(st.integers(0, 20), max_size=60), st.integers(0, 40))
def test_every_segment_is_the_one_asked_for_and_the_bytes_are_bounded(indices, most_bytes):
    cache = SegmentCache(segment, most_bytes)
    for index in indices:
        np.testing.assert_array_equal(cache.get(index), segment(index))
        assert cache.held_bytes <= most_bytes


def test_segments_used_last_are_kept():
    made = []
    cache = SegmentCache(lambda index: made.append(index) or np.zeros(10, np.uint8), 30)
    for index in (1, 2, 3, 1, 4, 1, 3, 2):
        cache.get(index)
    assert made == [1, 2, 3, 4, 2]


def test_a_shared_segment_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        SegmentCache(segment, 100).get(3)[0] = 1


def test_many_threads_get_what_they_ask_for():
    cache = SegmentCache(segment, 12)
    with ThreadPoolExecutor(8) as threads:
        for index, got in zip(range(500), threads.map(lambda i: cache.get(i % 13), range(500)), strict=True):
            np.testing.assert_array_equal(got, segment(index % 13))
    assert cache.held_bytes <= 12


@pytest.mark.parametrize("error", [None, ValueError("damaged")])
def test_a_segment_that_is_being_made_is_waited_for(error):
    begun, waited, made = Event(), Barrier(2, timeout=30), []

    def make(index):
        made.append(index)
        begun.set()
        if len(made) == 1:
            waited.wait()
        if error:
            raise error
        return segment(index)

    cache = SegmentCache(make, 100)
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(cache.get, 5)
        assert begun.wait(30)
        others = [threads.submit(cache.get, 5) for _ in range(3)]
        waited.wait()
        for got in (first, *others):
            if error:
                assert got.exception(30) is error
            else:
                np.testing.assert_array_equal(got.result(30), segment(5))
    # One that comes after an error makes it again.
    assert error or made == [5]
