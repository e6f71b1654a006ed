import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.fakes import RecordedProgress
from tiler.cli.fetch import fetch
from tiler.errors import InputError

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


def fetched(url, folder, max_bytes=1000, max_s=5):
    return fetch(url, folder, max_bytes=max_bytes, max_s=max_s, progress=RecordedProgress())


def test_a_picture_is_fetched_under_its_name(tmp_path):
    with server(sends(PNG, **{"Content-Length": str(len(PNG))})) as url:
        path = fetched(f"{url}/some/port%20rait.png?size=1", tmp_path)
    assert (path.name, path.read_bytes()) == ("port rait.png", PNG)


def test_a_redirect_within_the_web_is_followed(tmp_path):
    with server(redirects_to("/there.png")) as url:
        assert fetched(f"{url}/", tmp_path).read_bytes() == PNG


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirect_to_another_scheme_is_refused(tmp_path, target):
    with server(redirects_to(target)) as url, pytest.raises(InputError, match=r"neither http nor https|not allowed"):
        fetched(f"{url}/", tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_only_the_web_is_fetched_from(tmp_path, url):
    with pytest.raises(InputError, match="only http and https"):
        fetched(url, tmp_path)


@pytest.mark.parametrize("headers", [{"Content-Length": "2000"}, {}])
def test_a_large_file_is_refused_with_and_without_a_content_length(tmp_path, headers):
    with server(sends(bytes(2000), **headers)) as url, pytest.raises(InputError, match="larger than"):
        fetched(f"{url}/x", tmp_path)


def test_a_slow_download_ends_at_its_limit(tmp_path):
    with server(sends_slowly) as url:
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
