import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest

from tests.fakes import RecordedProgress
from tiler.cli.fetch import fetch, file_name, is_public
from tiler.errors import InputError, SettingsError

PNG = b"\x89PNG picture"


@contextmanager
def server(answer):
    """Give the address of a server that calls `answer(handler)` for every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def sends(data, **headers):
    def answer(handler):
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def redirects_to(target):
    def answer(handler):
        if handler.path != "/":
            return sends(PNG)(handler)
        handler.send_response(302)
        handler.send_header("Location", target)
        return handler.end_headers()

    return answer


def sends_slowly(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def sends_its_head_slowly(handler):
    """Sends a byte now and then, so that no single read takes long, and never comes to the end of the head."""
    for _ in range(200):
        handler.wfile.write(b"X")
        handler.wfile.flush()
        time.sleep(0.05)


def fetched(url, folder, max_mb=0.001, max_s=5, allow_private=True):
    return fetch(url, folder, max_mb=max_mb, max_s=max_s, allow_private=allow_private, progress=RecordedProgress())


def test_a_picture_is_fetched_under_its_name(tmp_path):
    with server(sends(PNG, **{"Content-Length": str(len(PNG))})) as url:
        path = fetched(f"{url}/some/port%20rait.png?size=1", tmp_path)
    assert (path.name, path.read_bytes()) == ("port rait.png", PNG)


def test_a_redirect_within_the_web_is_followed(tmp_path):
    with server(redirects_to("/there.png")) as url:
        assert fetched(f"{url}/", tmp_path).read_bytes() == PNG


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirect_to_another_scheme_is_refused(tmp_path, target):
    with (
        server(redirects_to(target)) as url,
        pytest.raises(InputError, match=r"which is not http or https|not allowed"),
    ):
        fetched(f"{url}/", tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_only_the_web_is_fetched_from(tmp_path, url):
    with pytest.raises(InputError, match="only http and https"):
        fetched(url, tmp_path)


def test_no_other_scheme_than_was_asked_for_is_fetched_or_followed(tmp_path):
    only = {"max_mb": 1, "max_s": 5, "allow_private": True, "progress": RecordedProgress()}
    with server(redirects_to("https://127.0.0.1:9/x")) as url:
        with pytest.raises(InputError, match=r"which is not http\b(?! or)"):
            fetch(f"{url}/", tmp_path, schemes=("http",), **only)
        with pytest.raises(InputError, match="only https is fetched"):
            fetch(f"{url}/there", tmp_path, schemes=("https",), **only)


@pytest.mark.parametrize("headers", [{"Content-Length": "2000"}, {}])
def test_a_large_file_is_refused_with_and_without_a_content_length(tmp_path, headers):
    with server(sends(bytes(2000), **headers)) as url, pytest.raises(InputError, match="larger than"):
        fetched(f"{url}/x", tmp_path)


@pytest.mark.parametrize("slowly", [sends_slowly, sends_its_head_slowly])
def test_a_slow_download_ends_at_its_limit(tmp_path, slowly):
    with server(slowly) as url:
        began = time.monotonic()
        with pytest.raises(InputError, match=r"longer than 0\.3 s"):
            fetched(f"{url}/x", tmp_path, max_s=0.3)
        assert time.monotonic() - began < 2


def test_a_download_that_ends_early_is_an_error(tmp_path):
    with server(sends(PNG, **{"Content-Length": "900"})) as url, pytest.raises(InputError, match=r"bytes came|fetched"):
        fetched(f"{url}/x", tmp_path)


def test_an_address_without_a_file_is_an_error(tmp_path):
    with server(lambda handler: handler.send_error(404)) as url, pytest.raises(InputError, match="404"):
        fetched(f"{url}/x", tmp_path)
    with pytest.raises(InputError, match="cannot be fetched"):
        fetched(f"{url}/x", tmp_path)


@pytest.mark.parametrize("limit", ["nan", "inf", "-inf", "0", "-1", "1e99"])
@pytest.mark.parametrize("name", ["max_mb", "max_s"])
def test_no_number_switches_a_limit_off(tmp_path, name, limit):
    with pytest.raises(SettingsError, match=r"Give a number above 0"):
        fetched("http://127.0.0.1:9/x", tmp_path, **{name: float(limit)})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "100.64.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
def test_an_address_that_is_not_public_is_refused_before_anything_is_sent(tmp_path, host, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    with pytest.raises(InputError, match="not public") as raised:
        fetched(f"http://{host}:9/x.png", tmp_path, allow_private=False)
    assert "--allow_private" in raised.value.remedy


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_public_addresses_are_public(address):
    assert is_public(ip_address(address))


@pytest.fixture
def one_is_public(monkeypatch):
    """Take 127.0.0.1 for a public address, and no other."""
    monkeypatch.setattr("tiler.cli.fetch.is_public", lambda address: address == ip_address("127.0.0.1"))


@pytest.mark.usefixtures("one_is_public")
def test_a_redirect_to_an_address_that_is_not_public_is_refused(tmp_path):
    with server(sends(PNG)) as inside, server(redirects_to(inside.replace("127.0.0.1", "127.0.0.2"))) as url:
        with pytest.raises(InputError, match=r"127\.0\.0\.2, an address that is not public"):
            fetched(f"{url}/", tmp_path, allow_private=False)
        assert fetched(f"{url}/x", tmp_path, allow_private=False).read_bytes() == PNG


@pytest.mark.usefixtures("one_is_public")
def test_the_address_that_was_checked_is_the_one_that_is_connected_to(tmp_path, monkeypatch):
    resolved = iter(["127.0.0.1", "127.0.0.2"])

    def getaddrinfo(host, port, **_):
        assert host == "rebinds.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(resolved), port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with server(sends(PNG)) as url:
        there = url.replace("127.0.0.1", "rebinds.example")
        assert fetched(f"{there}/x", tmp_path, allow_private=False).read_bytes() == PNG
        with pytest.raises(InputError, match="not public"):
            fetched(f"{there}/y", tmp_path, allow_private=False)


@pytest.mark.usefixtures("one_is_public")
def test_a_proxy_would_resolve_the_name_by_itself_and_is_not_asked(tmp_path, monkeypatch):
    with server(sends(PNG)) as url, server(lambda handler: handler.send_error(418)) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        assert fetched(f"{url}/x", tmp_path, allow_private=False).read_bytes() == PNG
        with pytest.raises(InputError, match="418"):
            fetched(f"{url}/y", tmp_path, allow_private=True)


@pytest.mark.parametrize(
    ("last", "name"),
    [
        ("..%5C..%5Cevil.png", "_.._evil.png"),
        ("C:%5CWindows%5Cevil.png", "C__Windows_evil.png"),
        ("..", "picture"),
        ("a.png:stream", "a.png_stream"),
        ("NUL.png", "picture"),
        ("a%00b%0A.png", "a_b_.png"),
        ("%C3%A9t%C3%A9.jpg", "été.jpg"),
        ("x" * 300 + ".png", "x" * 96 + ".png"),
        ("", "picture"),
    ],
)
def test_the_name_has_nothing_that_is_special_to_a_system(last, name):
    assert file_name(f"http://example.org/{last}?size=1") == name
