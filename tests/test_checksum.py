import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import RecordedProgress
from tiler import checksum
from tiler.checksum import content_sha256, sha256_of


@given(st.binary(max_size=300))
def test_it_is_that_of_the_bytes_however_they_are_read(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("sha") / "file"
    path.write_bytes(data)
    assert sha256_of(path, RecordedProgress()) == hashlib.sha256(data).hexdigest()


def test_a_large_file_is_a_stage(tmp_path, monkeypatch):
    monkeypatch.setattr(checksum, "READ_BYTES", 4)
    monkeypatch.setattr(checksum, "SHOWN_BYTES", 8)
    for size, stages in ((6, []), (10, [("checksum", 3)])):
        (tmp_path / "file").write_bytes(bytes(size))
        progress = RecordedProgress()
        sha256_of(tmp_path / "file", progress)
        assert progress.stages == stages
        assert progress.steps == [total for _, total in stages]


def test_a_directory_is_its_names_and_contents(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "a").write_text("1")
    same = content_sha256(tmp_path / "one")
    assert same == content_sha256(tmp_path / "two")
    (tmp_path / "two" / "sub" / "a").rename(tmp_path / "two" / "sub" / "b")
    assert same != content_sha256(tmp_path / "two")
