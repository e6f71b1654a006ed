import pytest

from tiler.batch import Result, check_table, sentence, table, write_csv
from tiler.errors import OutputError

RESULTS = [
    Result("in/a.jpg", "out/a.jpg.tif", "done", 1.234, 7, ""),
    Result("in/b\n.jpg", "out/b\n.jpg.tif", "failed", 0.0, 0, "it is\nempty"),
    Result("in/notes.txt", "out", "passed over", 0.0, 0, "this is no picture"),
]


def test_a_table_takes_the_place_of_a_table_and_of_no_other_file(tmp_path):
    path = tmp_path / "batch.csv"
    check_table(path)
    write_csv(RESULTS, path)
    check_table(path)
    assert path.read_bytes().splitlines()[:2] == [
        b"source,output,outcome,seconds,tiles_run,reason",
        b"in/a.jpg,out/a.jpg.tif,done,1.23,7,",
    ]
    for other in (b"name,price\n", b"\xff\xd8\xff", b""):
        path.write_bytes(other)
        with pytest.raises(OutputError, match="not the table"):
            check_table(path)


def test_lines_for_people_are_lines_and_count_everything(tmp_path):
    lines = table(RESULTS).splitlines()
    assert len(lines) == 3
    assert lines[-1] == "1 done, 0 skipped, 0 failed tiles, 1 failed, 1 passed over"
    linked = Result(str(tmp_path), "out", "passed over", 0.0, 0, "a linked folder")
    assert [sentence(result) for result in RESULTS] == ["in/a.jpg: done", r"in/b\n.jpg: failed. it is\nempty", ""]
    assert sentence(linked).endswith("passed over. a linked folder")
