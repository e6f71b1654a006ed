import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiler.store.journal import FailedTile, Journal


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_what_is_kept_is_recalled_bit_for_bit(tmp_path_factory, height, width, seed):
    journal = Journal(tmp_path_factory.mktemp("journal"))
    alpha = np.random.default_rng(seed).random((height, width), np.float32)
    journal.keep(2, 3, 14, alpha)
    assert journal.kept(2) == {(3, 14)}
    assert journal.kept(1) == frozenset()
    np.testing.assert_array_equal(journal.recall(2, 3, 14, (height, width)), alpha)
    journal.forget(2, 1)
    assert journal.kept(2) == {(3, 14)}
    journal.forget(2, 3)
    assert journal.kept(2) == frozenset()


@pytest.mark.parametrize("torn", [0, 3, 4, 20, 39])
def test_a_torn_file_counts_for_nothing(tmp_path, torn):
    journal = Journal(tmp_path)
    journal.keep(0, 1, 2, np.arange(9, dtype=np.float32).reshape(3, 3))
    path = tmp_path / "tiles" / "0-1-2.tile"
    path.write_bytes(path.read_bytes()[:torn])
    assert journal.kept(0) == frozenset()


@given(st.integers(0, 39), st.integers(0, 7))
def test_a_flipped_bit_is_found(tmp_path_factory, byte, bit):
    root = tmp_path_factory.mktemp("journal")
    Journal(root).keep(0, 1, 2, np.arange(9, dtype=np.float32).reshape(3, 3))
    path = root / "tiles" / "0-1-2.tile"
    data = bytearray(path.read_bytes())
    data[byte] ^= 1 << bit
    path.write_bytes(data)
    assert Journal(root).kept(0) == frozenset()


def test_failed_tiles_are_listed_in_order_until_they_are_cleared(tmp_path):
    journal = Journal(tmp_path)
    tiles = (FailedTile(0, 2, 11, "out of memory"), FailedTile(1, 0, 0, "größer"))
    for tile in reversed(tiles):
        journal.fail(tile)
    assert Journal(tmp_path).failed() == tiles
    journal.clear_failed()
    assert Journal(tmp_path).failed() == ()
