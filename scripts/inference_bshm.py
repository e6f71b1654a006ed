"""Matte one picture, of any size, as the inference script of BSHM does: same options, same two files.

    python scripts/inference_bshm.py -i portrait.jpg -d results
    python scripts/inference_bshm.py -i https://example.org/portrait.jpg -d results --bits 16

Writes NAME_rgba.png, the picture with its alpha, and NAME_alpha.png, the alpha alone, into the output directory.
"""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPException, HTTPMessage
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from time import monotonic
from typing import IO, Any, NoReturn, cast
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

import pyvips

from tiler.atomic import atomic_file
from tiler.cli import terminal
from tiler.errors import InputError, OutputError, TilerError
from tiler.progress import Progress
from tiler.run import matte
from tiler.settings import Settings

SCHEMES = ("http", "https")
# A server that says nothing for so long is taken to be gone.
SILENCE_S = 15.0
CHUNK_BYTES = 2**16


def main() -> int:
    """Run the command line; return 0, or 1 after an error, or 130 after Ctrl-C."""
    options = _options()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        settings = Settings.of(model=options.model, bits=cast(Any, options.bits))
        with terminal.progress(quiet=False) as progress, _local(options, progress) as picture:
            for path in infer(picture, options.output_dir, settings, progress):
                print(path)
    except TilerError as error:
        print(f"tiler: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tiler: stopped.", file=sys.stderr)
        return 130
    return 0


def infer(picture: Path, output_dir: Path, settings: Settings, progress: Progress) -> tuple[Path, Path]:
    """Matte `picture` into `output_dir`, which is made if need be; return the paths (alpha, rgba).

    Raises TilerError.
    """
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output_dir}: cannot be made: {error.strerror}.", "Name another directory.") from error
    alpha, rgba = (output_dir / f"{picture.stem}_{what}.png" for what in ("alpha", "rgba"))
    matte(picture, rgba, settings, progress)
    whole = pyvips.Image.new_from_file(str(rgba), access="sequential", fail_on="warning")
    with atomic_file(alpha) as file:
        target = pyvips.TargetCustom()
        target.on_write(file.write)
        whole.extract_band(whole.bands - 1).pngsave_target(target, keep="none")
    return alpha, rgba


def fetch(url: str, folder: Path, *, most_bytes: int, most_s: float, progress: Progress) -> Path:
    """Fetch `url`, http or https also after every redirect, into `folder` and return the file.

    Raises InputError if it is not there, is larger than `most_bytes` or takes longer than `most_s` seconds.
    """
    deadline = monotonic() + most_s
    if urlsplit(url).scheme.lower() not in SCHEMES:
        raise InputError(f"{url}: only http and https are fetched.", "Download it, and give the file.")
    path = folder / (PurePosixPath(unquote(urlsplit(url).path)).name or "picture")
    try:
        with closing(_opener().open(Request(url), timeout=min(SILENCE_S, most_s))) as answer, path.open("xb") as file:
            size = int(answer.headers.get("Content-Length") or 0)
            _check_size(url, size, most_bytes)
            progress.stage("fetch", max(1, size // CHUNK_BYTES))
            while chunk := answer.read1(CHUNK_BYTES):
                file.write(chunk)
                _check_size(url, file.tell(), most_bytes)
                if monotonic() > deadline:
                    raise TimeoutError
                progress.advance()
            if file.tell() < size:
                raise InputError(f"{url}: only {file.tell()} of {size} bytes came.", "Try again.")
    except TimeoutError as error:
        raise InputError(f"{url}: took longer than {most_s:g} s.", "Try again, or raise --max_seconds.") from error
    except HTTPError as error:
        raise InputError(f"{url}: the server answers {error.code} {error.reason}.", "Check the address.") from error
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, TimeoutError):
            raise InputError(f"{url}: the server is silent.", "Try again later.") from error
        raise InputError(f"{url}: cannot be fetched: {reason}.", "Check the address and the network.") from error
    return path


class _OnlyHttp(HTTPRedirectHandler):
    """Redirects that stay within http and https; the library would follow them to ftp as well."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme.lower() not in SCHEMES:
            raise URLError(f"it leads to {newurl}, which is neither http nor https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> OpenerDirector:
    """Return what opens http and https, and nothing else: no files, no ftp, no data."""
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


def _check_size(url: str, size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise InputError(f"{url}: is larger than {most_bytes / 1e6:g} MB.", "Raise --max_mb if that is all right.")


@contextmanager
def _local(options: argparse.Namespace, progress: Progress) -> Iterator[Path]:
    """Give the input as a file, fetched if it is a URL."""
    if "://" not in options.input:
        yield Path(options.input)
        return
    with TemporaryDirectory(prefix="tiler-") as folder:
        limits = {"most_bytes": round(options.max_mb * 1e6), "most_s": options.max_seconds}
        yield fetch(options.input, Path(folder), **limits, progress=progress)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-i", "--input", required=True, help="a picture's path, or an http or https URL")
    parser.add_argument("-d", "--output_dir", type=Path, default=Path("results"), help="made if it is not there")
    parser.add_argument("--bits", type=int, choices=(8, 16), help="bits a channel; else as the picture")
    parser.add_argument("--model", default="bshm", help="a name from `tiler models`, or a directory with a graph")
    parser.add_argument("--max_mb", type=float, default=4000, help="largest download")
    parser.add_argument("--max_seconds", type=float, default=600, help="longest download")
    return parser.parse_args()


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
