import os
from itertools import islice

from tiler.batch import Item, watch


def test_a_watched_file_is_given_once_it_keeps_still_and_again_when_it_changes(tmp_path):
    path = tmp_path / "growing.png"
    item = Item(path, tmp_path / "out.png")
    grows = iter([b"1", b"12", b"12", b"12", b"123", b"123"])
    looks = []

    def find():
        path.write_bytes(data := next(grows))
        looks.append(data)
        os.utime(path, ns=(0, len(data)))
        return [item]

    given = [len(looks) for _ in islice(watch(find, lambda _s: None), 2)]
    assert given == [3, 6]


def test_what_is_no_file_is_given_once_and_what_is_gone_is_not(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    items = [Item(tmp_path / name, tmp_path / "out") for name in ("link", "folder", "gone")]
    looks = 0

    def find():
        nonlocal looks
        looks += 1
        (tmp_path / "folder" / str(looks)).touch()
        if looks == 6:
            (tmp_path / "gone").write_bytes(b"back")
        return items

    found = watch(find, lambda _s: None)
    assert [item.source.name for item in next(found)] == ["link", "folder"]
    assert [item.source.name for item in next(found)] == ["gone"]
    assert looks == 7


def test_a_picture_whose_fate_changes_is_given_again(tmp_path):
    (tmp_path / "a.png").touch()
    free, shared = Item(tmp_path / "a.png", tmp_path / "a.tif"), Item(tmp_path / "a.png", tmp_path / "a.tif", "failed")
    finds = iter([[free], [free], [shared], [shared]])
    assert list(islice(watch(lambda: next(finds), lambda _s: None), 2)) == [(free,), (shared,)]
