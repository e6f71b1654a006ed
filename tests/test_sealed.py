import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.errors import OutputError
from tiler.sealed import CHECKSUM_BYTES, DamagedFileError, is_whole, read_sealed, write_sealed


@given(st.binary(max_size=99), st.booleans())
def test_what_is_sealed_comes_back(tmp_path_factory, payload, durable):
    path = tmp_path_factory.mktemp("sealed") / "file"
    write_sealed(path, payload, durable=durable)
    assert read_sealed(path) == payload
    assert [found.name for found in path.parent.iterdir()] == ["file"]


@given(st.binary(max_size=99), st.data())
def test_every_flipped_bit_and_every_cut_is_found(tmp_path_factory, payload, data):
    path = tmp_path_factory.mktemp("sealed") / "file"
    write_sealed(path, payload)
    whole = path.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    flipped = bytearray(whole)
    flipped[bit // 8] ^= 1 << bit % 8
    for damaged in (flipped, whole[: data.draw(st.integers(0, len(whole) - 1))], bytes(len(whole))):
        path.write_bytes(damaged)
        assert not is_whole(path)
        with pytest.raises(DamagedFileError):
            read_sealed(path)


def test_nothing_and_zeros_are_no_sealed_file(tmp_path):
    assert not is_whole(tmp_path / "missing")
    for size in range(2 * CHECKSUM_BYTES):
        (tmp_path / "file").write_bytes(bytes(size))
        assert not is_whole(tmp_path / "file"), size


def test_a_disk_that_refuses_is_said(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_sealed(tmp_path / "gone" / "file", b"")
    with pytest.raises(OutputError, match="cannot be written"):
        write_sealed(tmp_path / "gone" / "file", b"", durable=True)
