import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import inference_bshm
import numpy as np
import pytest
import pyvips
from PIL import Image

from tests.fakes import Heard
from tests.image.pictures import noise, png16
from tiler.errors import InputError, OutputError
from tiler.settings import Settings

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


def says(data, **headers):
    def answer(handler):
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def leads_to(target):
    def answer(handler):
        if handler.path != "/":
            return says(PNG)(handler)
        handler.send_response(302)
        handler.send_header("Location", target)
        return handler.end_headers()

    return answer


def dribbles(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def fetched(url, folder, most_bytes=1000, most_s=5):
    return inference_bshm.fetch(url, folder, most_bytes=most_bytes, most_s=most_s, progress=Heard())


def test_a_picture_is_fetched_under_its_name(tmp_path):
    with server(says(PNG, **{"Content-Length": str(len(PNG))})) as url:
        path = fetched(f"{url}/some/port%20rait.png?size=1", tmp_path)
    assert (path.name, path.read_bytes()) == ("port rait.png", PNG)


def test_a_redirect_within_the_web_is_followed(tmp_path):
    with server(leads_to("/there.png")) as url:
        assert fetched(f"{url}/", tmp_path).read_bytes() == PNG


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirect_elsewhere_is_not(tmp_path, target):
    with server(leads_to(target)) as url, pytest.raises(InputError, match=r"neither http nor https|not allowed"):
        fetched(f"{url}/", tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_only_the_web_is_fetched_from(tmp_path, url):
    with pytest.raises(InputError, match="only http and https"):
        fetched(url, tmp_path)


@pytest.mark.parametrize("headers", [{"Content-Length": "2000"}, {}])
def test_what_is_too_large_is_refused_said_or_unsaid(tmp_path, headers):
    with server(says(bytes(2000), **headers)) as url, pytest.raises(InputError, match="larger than"):
        fetched(f"{url}/x", tmp_path)


def test_what_comes_too_slowly_is_given_up(tmp_path):
    with server(dribbles) as url:
        began = time.monotonic()
        with pytest.raises(InputError, match=r"longer than 0\.3 s"):
            fetched(f"{url}/x", tmp_path, most_s=0.3)
        assert time.monotonic() - began < 2


def test_half_a_picture_is_no_picture(tmp_path):
    with server(says(PNG, **{"Content-Length": "900"})) as url, pytest.raises(InputError, match=r"bytes came|fetched"):
        fetched(f"{url}/x", tmp_path)


def test_what_is_not_there_is_said(tmp_path):
    with server(lambda handler: handler.send_error(404)) as url, pytest.raises(InputError, match="404"):
        fetched(f"{url}/x", tmp_path)
    with pytest.raises(InputError, match="cannot be fetched"):
        fetched(f"{url}/x", tmp_path)


@pytest.mark.parametrize(("bits", "dtype"), [(None, np.uint8), (16, np.uint16)])
def test_the_two_files_are_the_picture_and_its_alpha(tmp_path, monkeypatch, capsys, bits, dtype):
    Image.fromarray(noise((40, 50, 3), np.uint8)).save(tmp_path / "face.png")
    words = ["-i", str(tmp_path / "face.png"), "-d", str(tmp_path / "new" / "results"), "--model", "modnet"]
    monkeypatch.setattr(sys, "argv", ["inference_bshm.py", *words, *(["--bits", str(bits)] if bits else [])])
    assert inference_bshm.main() == 0
    alpha, rgba = (tmp_path / "new" / "results" / f"face_{what}.png" for what in ("alpha", "rgba"))
    assert capsys.readouterr().out.split() == [str(alpha), str(rgba)]
    alpha, rgba = (pyvips.Image.new_from_file(str(path)).numpy() for path in (alpha, rgba))
    assert (alpha.dtype, alpha.shape, rgba.shape) == (dtype, (40, 50), (40, 50, 4))
    np.testing.assert_array_equal(alpha, rgba[..., 3])


def test_a_picture_of_16_bits_keeps_them(tmp_path):
    png16(tmp_path / "scan.png", noise((40, 50, 3), np.uint16))
    alpha, _ = inference_bshm.infer(tmp_path / "scan.png", tmp_path, Settings.of(threads=1), Heard())
    assert pyvips.Image.new_from_file(str(alpha)).format == "ushort"


def test_errors_are_a_line_and_a_code(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x", "-i", str(tmp_path / "none.jpg"), "-d", str(tmp_path), "--model", "modnet"])
    assert inference_bshm.main() == 1
    assert "there is no such file" in capsys.readouterr().err


def test_a_directory_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be made"):
        inference_bshm.infer(tmp_path / "x.png", tmp_path / "file" / "results", Settings(), Heard())
