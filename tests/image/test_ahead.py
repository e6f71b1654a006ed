import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.image.ahead import ahead


@given(st.lists(st.integers()))
def test_it_is_map(items):
    assert list(ahead(str, items)) == list(map(str, items))


def test_one_is_made_ahead_and_no_more():
    made = []
    for at, item in enumerate(ahead(lambda item: made.append(item) or item, range(9))):
        assert item == at
        assert len(made) <= at + 2


def test_an_error_comes_in_its_place():
    got = ahead(lambda item: 1 // item, [1, 1, 0, 1])
    assert [next(got), next(got)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(got)
