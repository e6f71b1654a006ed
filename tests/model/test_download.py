import io
import tarfile
import urllib.error
import urllib.request
import zipfile
from dataclasses import replace
from hashlib import sha256

import pytest

from tests.fakes import RecordedProgress
from tiler.errors import ModelError
from tiler.model import download
from tiler.model.card import find_card
from tiler.model.hub import find_graph, status

GRAPH = bytes(range(256)) * 9000
URL = "https://example.org/net"


class Answer(io.BytesIO):
    """What a server sends: `length` is what it announces."""

    def __init__(self, content, length):
        super().__init__(content)
        self.headers = {} if length is None else {"Content-Length": str(length)}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    return tmp_path / "cache"


def a_card(tmp_path, **fields):
    fields = {"sha256": sha256(GRAPH).hexdigest(), "size_bytes": len(GRAPH), "url": URL, **fields}
    return replace(find_card("bshm"), name="far", hub_id=None, revision=None, directory=tmp_path, **fields)


def serving(monkeypatch, content, length=-1):
    asked = []

    def urlopen(request, timeout):
        asked.append(request.full_url)
        assert timeout
        if isinstance(content, Exception):
            raise content
        return Answer(content, len(content) if length == -1 else length)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return asked


def zipped(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(parts):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def test_a_graph_is_fetched_once_and_its_steps_are_counted(tmp_path, cache, monkeypatch):
    asked, progress, card = serving(monkeypatch, GRAPH), RecordedProgress(), a_card(tmp_path)
    assert status(card) == "not on this disk; fetched from example.org when first used"
    path = find_graph(card, progress)
    assert path.read_bytes() == GRAPH
    assert cache in path.parents
    assert find_graph(card, progress) == path
    assert asked == [URL]
    (note,) = progress.notes
    assert "from example.org; this happens once" in note
    assert progress.stages == [("fetch far", 3)]
    assert progress.steps == [3]
    assert status(card) == f"on this disk: {path}"


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.usefixtures("cache")
def test_a_graph_may_be_in_parts_in_an_archive(tmp_path, monkeypatch, pack):
    first, second = GRAPH[:1000], GRAPH[1000:]
    serving(monkeypatch, pack({"other": b"x", "net/b": second, "net/a": first}), None if pack is zipped else -1)
    card = a_card(tmp_path, members=("net/a", "net/b"))
    assert find_graph(card, RecordedProgress()).read_bytes() == GRAPH


@pytest.mark.parametrize(
    "content",
    [
        GRAPH[:-1] + b"?",
        zipped({"net/b": GRAPH}),
        tarred({"net/b": GRAPH}),
        zipped({"net/a": GRAPH + b"more"}),
        b"PK no archive",
    ],
)
def test_another_file_is_refused_and_not_kept(tmp_path, cache, monkeypatch, content):
    serving(monkeypatch, content)
    card = a_card(tmp_path, members=() if content[:1] == GRAPH[:1] else ("net/a",))
    with pytest.raises(ModelError, match="not the graph that the card of far describes"):
        find_graph(card, RecordedProgress())
    assert not [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("content", "length", "says"),
    [
        (urllib.error.URLError("Name or service not known"), -1, "Name or service not known"),
        (ConnectionResetError(104, "Connection reset by peer"), -1, "Connection reset by peer"),
        (urllib.error.HTTPError(URL, 404, "Not Found", None, None), -1, "Not Found"),
        (GRAPH[:5000], len(GRAPH), "5000 bytes came, and 2304000 were announced"),
        (GRAPH + b"more", len(GRAPH), "were announced"),
    ],
)
def test_what_cannot_be_fetched_says_why_and_what_to_do(tmp_path, cache, monkeypatch, content, length, says):
    serving(monkeypatch, content, length)
    with pytest.raises(ModelError, match="cannot be fetched from example") as raised:
        find_graph(a_card(tmp_path), RecordedProgress())
    assert says in raised.value.what
    assert str(cache) in raised.value.remedy
    assert not [path for path in cache.rglob("*") if path.is_file()]
