import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.core.seams import Seam
from tiler.sealed import DamagedFileError, write_sealed
from tiler.store.block_file import Block, read_block, read_seams, write_block

SEAMS = tuple(Seam(0, across, 1, 2, 9, 0.1, 0.2, 0.3, 4, 5, 1.5) for across in ("cols", "rows"))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2), st.booleans())
def test_all_of_a_block_comes_back(tmp_path_factory, height, width, seams, at_base):
    path = tmp_path_factory.mktemp("block") / "1-2.block"
    alpha, spread = np.random.default_rng(height).integers(0, 65536, (2, height, width), np.uint16)
    write_block(path, Block(alpha, SEAMS[:seams], spread if at_base else None))
    found = read_block(path, (height, width))
    np.testing.assert_array_equal(found.alpha, alpha)
    assert found.seams == read_seams(path) == SEAMS[:seams]
    assert (found.spread == spread).all() if at_base else found.spread is None


@given(st.integers(0, 65535), st.integers(0, 65535), st.booleans())
def test_a_plane_of_one_value_is_one_sample(tmp_path_factory, value, doubt, at_base):
    """Most of a gigapixel is nothing but background: 300 KB a block, if each pixel were stored."""
    path = tmp_path_factory.mktemp("block") / "1-2.block"
    shape = (384, 384)
    spread = np.full(shape, doubt, np.uint16) if at_base else None
    write_block(path, Block(np.full(shape, value, np.uint16), SEAMS, spread))
    assert path.stat().st_size < 300
    found = read_block(path, shape)
    assert found.alpha.shape == shape
    assert (found.alpha == value).all()
    assert found.seams == SEAMS
    assert (found.spread == doubt).all() if at_base else found.spread is None


def test_a_block_of_another_shape_and_other_bytes_are_damage(tmp_path):
    path = tmp_path / "1-2.block"
    write_block(path, Block(np.zeros((4, 6), np.uint16), SEAMS))
    with pytest.raises(DamagedFileError):
        read_block(path, (6, 6))
    for data in (b"", b"no frame", b"\0" * 40):
        write_sealed(path, data)
        with pytest.raises(DamagedFileError):
            read_block(path, (4, 6))
        with pytest.raises(DamagedFileError):
            read_seams(path)
