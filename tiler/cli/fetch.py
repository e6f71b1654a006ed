"""Fetch a picture from the web: http and https alone, with limits on its size and on the time."""

from contextlib import closing
from http.client import HTTPException, HTTPMessage
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from tiler.errors import InputError
from tiler.progress import Progress

SCHEMES = ("http", "https")
# A server that sends no byte for this long counts as gone.
SILENCE_S = 15.0
CHUNK_BYTES = 2**16


def fetch(url: str, folder: Path, *, max_bytes: int, max_s: float, progress: Progress) -> Path:
    """Fetch `url` into `folder`, under the name that the URL ends in, and return the path of the file.

    Redirects are followed, to http and https alone. Raises InputError if the URL cannot be fetched, is larger than
    `max_bytes`, or takes longer than `max_s` seconds.
    """
    deadline = monotonic() + max_s
    if urlsplit(url).scheme.lower() not in SCHEMES:
        raise InputError(f"{url}: only http and https are fetched.", "Download it, and give the file.")
    path = folder / (PurePosixPath(unquote(urlsplit(url).path)).name or "picture")
    try:
        with closing(_opener().open(Request(url), timeout=min(SILENCE_S, max_s))) as answer, path.open("xb") as file:
            size = int(answer.headers.get("Content-Length") or 0)
            _check_size(url, size, max_bytes)
            progress.stage("fetch", max(1, size // CHUNK_BYTES))
            while chunk := answer.read1(CHUNK_BYTES):
                file.write(chunk)
                _check_size(url, file.tell(), max_bytes)
                if monotonic() > deadline:
                    raise TimeoutError
                progress.advance()
            if file.tell() < size:
                raise InputError(f"{url}: only {file.tell()} of {size} bytes came.", "Try again.")
    except TimeoutError as error:
        raise InputError(f"{url}: took longer than {max_s:g} s.", "Try again, or raise --max_seconds.") from error
    except HTTPError as error:
        raise InputError(f"{url}: the server answers {error.code} {error.reason}.", "Check the address.") from error
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, TimeoutError):
            raise InputError(f"{url}: the server does not answer.", "Try again later.") from error
        raise InputError(f"{url}: cannot be fetched: {reason}.", "Check the address and the network.") from error
    return path


class _OnlyHttp(HTTPRedirectHandler):
    """Refuses redirects to other schemes; the library would follow a redirect to ftp as well."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme.lower() not in SCHEMES:
            raise URLError(f"it redirects to {newurl}, which is neither http nor https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> OpenerDirector:
    """Return an opener of http and https; it has no handlers for files, ftp and data URIs."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        UnknownHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPDefaultErrorHandler(),
        _OnlyHttp(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _check_size(url: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise InputError(f"{url}: is larger than {max_bytes / 1e6:g} MB.", "Raise --max_mb if you trust the address.")
