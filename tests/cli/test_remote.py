import json
from urllib.error import HTTPError

import pytest
from typer.testing import CliRunner

from tests.fakes import RecordedProgress
from tests.model import graphs
from tests.model.onnx_graphs import saved, stand_in
from tiler.cli import remote
from tiler.cli.fetch import file_name
from tiler.cli.main import app
from tiler.errors import InputError, SettingsError
from tiler.model import card as cards_module
from tiler.model import hub
from tiler.model.card import find_card
from tiler.model.session import open_session
from tiler.settings import ComputeOptions

HALF = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
CONFIG = {"image_mean": HALF["mean"], "image_std": HALF["std"], "rescale_factor": 1 / 255, "size_divisibility": 64}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(cards_module, "user_data_path", lambda *_, **__: tmp_path / "data")


@pytest.fixture
def web(monkeypatch):
    """A web of https addresses: a dictionary of what lies there."""
    there = {}

    def fetch(url, folder, *, max_mb, schemes, **_):
        assert (max_mb, schemes) == (4000, ("https",))
        if url not in there:
            missing = HTTPError(url, 404, "Not Found", {}, None)
            raise InputError(f"{url}: the server answers 404 Not Found.", "Say --allow_private.") from missing
        (folder / file_name(url)).write_bytes(there[url])
        return folder / file_name(url)

    monkeypatch.setattr(remote, "fetch", fetch)
    return there


def tiler(*words):
    done = CliRunner().invoke(app, ["models", *map(str, words)])
    return done.exit_code, done.output


def graph(tmp_path):
    return saved(tmp_path / "made.onnx", stand_in(**HALF)).read_bytes()


def test_an_address_is_fetched_tried_and_kept_with_its_checksum(tmp_path, web):
    web["https://example.org/nets/Net%20A.onnx?download=true"] = graph(tmp_path)
    code, said = tiler("add", "https://example.org/nets/Net%20A.onnx?download=true")
    assert code == 0, said
    card = find_card("net-a")
    assert f"Its sha256 is {card.sha256}." in said
    assert card.source == "https://example.org/nets/Net%20A.onnx?download=true"
    assert open_session(ComputeOptions(model="net-a", threads=1), RecordedProgress()).close() is None


@pytest.mark.parametrize(
    ("hub_id", "path"), [("hf:me/My-Net", "onnx/model.onnx"), ("hf:me/My-Net:a/b.onnx", "a/b.onnx")]
)
@pytest.mark.parametrize("configured", [True, False])
def test_a_name_on_hugging_face_is_fetched_with_what_its_authors_say(tmp_path, web, hub_id, path, configured):
    root = "https://huggingface.co/me/My-Net/resolve/main"
    web[f"{root}/{path}"] = graph(tmp_path)
    if configured:
        web[f"{root}/preprocessor_config.json"] = json.dumps(CONFIG).encode()
    code, said = tiler("add", hub_id, "--licence", "MIT")
    assert code == 0, said
    card = find_card("my-net")
    assert (card.source, card.licence) == (hub_id, "MIT")
    assert card.input.multiple_px == (64 if configured else 32)


def test_a_name_on_modelscope_is_fetched_by_its_client(tmp_path, monkeypatch):
    snapshot = graphs.write(tmp_path / "master", graphs.red_less_half_blue)

    def fetch(hub_id, *, revision, local_files_only=False, **_):
        assert (hub_id, revision) == ("iic/cv_other", "master")
        if local_files_only:
            raise OSError
        return str(snapshot)

    monkeypatch.setattr(hub, "_client", lambda: (fetch, OSError))
    monkeypatch.setattr(hub, "_listener", lambda *_: None)
    code, said = tiler("add", "ms:iic/cv_other")
    assert code == 0, said
    assert find_card("cv_other").runtime == "tensorflow"


@pytest.mark.parametrize("name", ["hf:model", "hf:me/../x", "ms:model", "ms:me/my:net.pb", "hf:me/net:../../x"])
def test_what_is_no_name_is_an_error(name):
    with pytest.raises(SettingsError, match="names no network"), remote.local(name, RecordedProgress()):
        pass


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://example.org/net.onnx", "only https is fetched"),
        ("file:///etc/passwd", "only https is fetched"),
        ("https://127.0.0.1/net.onnx", "not public"),
        ("https://[::1]/net.onnx", "not public"),
    ],
)
def test_only_public_addresses_by_https_are_fetched(address, says):
    with pytest.raises(InputError, match=says) as raised, remote.local(address, RecordedProgress()):
        pass
    assert "--allow_private" not in raised.value.remedy


def test_what_is_not_there_is_an_error_and_nothing_is_kept(web, tmp_path):
    code, said = tiler("add", "hf:me/nothing")
    assert code == 1
    assert "404" in said
    assert "give the file" in said
    web["https://example.org/net.onnx"] = b"no network"
    assert tiler("add", "https://example.org/net.onnx")[0] == 1
    assert not (tmp_path / "data" / "models").exists()
