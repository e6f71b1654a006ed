"""Fetch a picture or a network from the web: from public addresses, within limits of size and time."""

import re
import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path, PurePosixPath
from threading import Lock, Timer
from typing import IO, Any
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

from tiler.errors import InputError, SettingsError
from tiler.progress import Progress

SCHEMES = ("http", "https")
BY_HAND = "Download it, and give the file."
# A server that sends no byte for this long counts as gone.
SILENCE_S = 15.0
CHUNK_BYTES = 2**16
# What the limits may be raised to: 100 GB, and a day.
MOST_MB, MOST_S = 100_000.0, 86_400.0

# IPv6 addresses that stand for an IPv4 address in their last 32 bits (RFC 6052).
NAT64 = IPv6Network("64:ff9b::/96")
NAME_CHARACTERS = 100
# Names that are devices on Windows, whatever their ending.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def fetch(
    url: str,
    folder: Path,
    *,
    max_mb: float,
    max_s: float,
    progress: Progress,
    allow_private: bool = False,
    schemes: Sequence[str] = SCHEMES,
) -> Path:
    """Fetch `url` into `folder`, under the name that the URL ends in, and return the path of the file.

    schemes: of the addresses that are fetched, and to which redirects are followed. allow_private: also fetch from
    addresses that only this machine or its network reaches, and by way of the proxy that the environment names, which
    resolves names by itself.

    Raises InputError if the URL cannot be fetched, is larger than `max_mb` MB of 10^6 bytes, takes longer than `max_s`
    seconds in all, or leads to an address that is not public; SettingsError for a limit that is none.
    """
    for option, limit, most in (("max_mb", max_mb, MOST_MB), ("max_seconds", max_s, MOST_S)):
        if not 0 < limit <= most:
            raise SettingsError(f"--{option} is {limit:g}.", f"Give a number above 0, {most:g} at most.")
    if urlsplit(url).scheme.lower() not in schemes:
        raise InputError(
            f"{url}: only {' and '.join(schemes)} {'is' if len(schemes) == 1 else 'are'} fetched.", BY_HAND
        )
    path = folder / file_name(url)
    with _Watch(max_s) as watch:
        try:
            with closing(_opener(watch, allow_private, schemes).open(Request(url), timeout=SILENCE_S)) as answer:
                _keep(answer, path, url, round(max_mb * 1e6), progress)
            watch.check()
        except (InputError, URLError, HTTPException, OSError, ValueError) as error:
            if watch.expired:
                raise InputError(
                    f"{url}: took longer than {max_s:g} s.", "Try again, or raise --max_seconds."
                ) from error
            if isinstance(error, InputError):
                raise
            raise _failure(url, error) from error
    return path


def file_name(url: str) -> str:
    """Return a file name for what `url` names: its last part, with nothing in it that is special to a system."""
    last = PurePosixPath(unquote(urlsplit(url).path)).name
    name = re.sub(r"[^\w.\- ]", "_", last)[-NAME_CHARACTERS:].strip(". ")
    return "picture" if not name or DEVICES.fullmatch(name) else name


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether the whole internet means one host by `address`; not so for private and reserved ones."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or [None])[0]
        if inner is None and address in NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _keep(answer: Any, path: Path, url: str, max_bytes: int, progress: Progress) -> None:
    size = int(answer.headers.get("Content-Length") or 0)
    _check_size(url, size, max_bytes)
    progress.stage("fetch", max(1, size // CHUNK_BYTES))
    with path.open("xb") as file:
        while chunk := answer.read1(CHUNK_BYTES):
            file.write(chunk)
            _check_size(url, file.tell(), max_bytes)
            progress.advance()
        if file.tell() < size:
            raise InputError(f"{url}: only {file.tell()} of {size} bytes came.", "Try again.")


def _check_size(url: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise InputError(f"{url}: is larger than {max_bytes / 1e6:g} MB.", "Raise --max_mb if you trust the address.")


def _failure(url: str, error: Exception) -> InputError:
    if isinstance(error, HTTPError):
        return InputError(f"{url}: the server answers {error.code} {error.reason}.", "Check the address.")
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, TimeoutError):
        return InputError(f"{url}: the server does not answer.", "Try again later.")
    return InputError(f"{url}: cannot be fetched: {reason}.", "Check the address and the network.")


class _Watch:
    """Cuts the connections that it was given once the time is over, whatever they are waiting for."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._lock, self._sockets = Lock(), list[socket.socket]()
        self._timer = Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> "_Watch":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for one in self._sockets:
                one.close()
            self._sockets.clear()

    def check(self) -> None:
        """Raise TimeoutError if the time is over; a connection that was cut may look like one that came to its end."""
        if self.expired:
            raise TimeoutError

    def add(self, connecting: socket.socket) -> None:
        with self._lock:
            # A handle of its own: TLS takes the socket that it is given for itself.
            self._sockets.append(connecting.dup())
        self.check()

    def _expire(self) -> None:
        self.expired = True
        with self._lock:
            for one in self._sockets:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


def _connected(
    watch: _Watch, allow_private: bool, address: tuple[str, int], timeout: float, _source: object = None
) -> socket.socket:
    """Return a socket that is connected to an address that was checked, and not to what its name means later."""
    host, port = address
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not allow_private and not is_public(ip_address(str(found[0]).partition("%")[0])):
            raise InputError(
                f"{host}: leads to {found[0]}, an address that is not public.",
                "Say --allow_private if you mean a machine of your own network.",
            )
        connecting = socket.socket(family, kind, protocol)
        try:
            watch.add(connecting)
            connecting.settimeout(timeout)
            connecting.connect(found)
        except OSError as error:
            connecting.close()
            failure = error
        else:
            return connecting
    raise failure


def _opener(watch: _Watch, allow_private: bool, schemes: Sequence[str]) -> OpenerDirector:
    """Return an opener of http and https; it has no handlers for files, ftp and data URIs."""
    connect = partial(_connected, watch, allow_private)

    class Plain(HTTPHandler):
        def http_open(self, req: Request) -> HTTPResponse:
            return self.do_open(partial(_connection, HTTPConnection, connect), req)

    class Secure(HTTPSHandler):
        def https_open(self, req: Request) -> HTTPResponse:
            return self.do_open(partial(_connection, HTTPSConnection, connect), req)

    opener = OpenerDirector()
    for handler in (
        ProxyHandler(None if allow_private else {}),
        UnknownHandler(),
        Plain(),
        Secure(),
        HTTPDefaultErrorHandler(),
        _OnlyTo(schemes),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _connection(kind: type[HTTPConnection], connect: Any, host: str, **options: Any) -> HTTPConnection:
    connection = kind(host, **options)
    connection._create_connection = connect  # type: ignore[attr-defined]
    return connection


class _OnlyTo(HTTPRedirectHandler):
    """Refuses redirects to other schemes; the library would follow a redirect to ftp as well."""

    def __init__(self, schemes: Sequence[str]) -> None:
        self._schemes = schemes

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme.lower() not in self._schemes:
            raise URLError(f"it redirects to {newurl}, which is not {' or '.join(self._schemes)}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
