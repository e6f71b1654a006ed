"""The graph of a card that names an address: downloaded once, checked, and kept in the user's folder for caches."""

import tarfile
import tempfile
import urllib.request
import zipfile
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import urlsplit

from platformdirs import user_cache_path

from tiler.atomic import atomic_file
from tiler.errors import ModelError
from tiler.model.card import ModelCard
from tiler.progress import Progress

BYTES_A_STEP = 2**20
PATIENCE_S = 60


def cached(card: ModelCard) -> Path | None:
    """Return where the downloaded graph of `card` lies; None if it has not been downloaded."""
    path = _place(card)
    return path if path.is_file() and path.stat().st_size == card.size_bytes else None


def download(card: ModelCard, url: str, progress: Progress) -> Path:
    """Return the path of the graph of `card`, fetched from `url`.

    progress: hears of the fetching, in steps of 2^20 bytes. Raises ModelError if it cannot be fetched, or is not the
    graph that the card describes.
    """
    path = _place(card)
    progress.note(f"Fetching {card.name} from {host_of(url)}; this happens once.")
    with tempfile.TemporaryFile() as came:
        try:
            _receive(card, url, came, progress)
            content = _content(card, came)
        except (OSError, HTTPException, EOFError) as error:
            raise _unreachable(card, url, path, error) from error
        except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
            raise _another(card, url, f"it does not hold what the card names: {error}") from error
    if (found := sha256(content).hexdigest()) != card.sha256:
        raise _another(card, url, f"its sha256 is {found}, and should be {card.sha256}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"{path.parent}: the graph of {card.name} cannot be kept here: {error.strerror}.",
            "Make room there, or name another folder in the environment variable XDG_CACHE_HOME.",
        ) from error
    with atomic_file(path) as file:
        file.write(content)
    return path


def host_of(url: str) -> str:
    """Return the name of the machine that `url` names."""
    return urlsplit(url).hostname or url


def _place(card: ModelCard) -> Path:
    return user_cache_path("tiler-matting", appauthor=False) / "graphs" / str(card.sha256) / card.graph


def _receive(card: ModelCard, url: str, came: BinaryIO, progress: Progress) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "tiler-matting"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        length = answer.headers.get("Content-Length")
        announced = int(length) if length and length.isdecimal() else None
        progress.stage(f"fetch {card.name}", -(-(announced or card.size_bytes or 0) // BYTES_A_STEP))
        got = 0
        while piece := answer.read(BYTES_A_STEP):
            got += came.write(piece)
            progress.advance()
        if announced is not None and got != announced:
            raise OSError(f"{got} bytes came, and {announced} were announced")


def _content(card: ModelCard, came: BinaryIO) -> bytes:
    """Return the graph in what came: all of it, or the members of the archive that it is, one after the other."""
    came.seek(0)
    if not card.members:
        return came.read()
    parts = _from_zip(card, came) if zipfile.is_zipfile(came) else _from_tar(card, came)
    return b"".join(parts[name] for name in card.members)


def _from_zip(card: ModelCard, came: BinaryIO) -> dict[str, bytes]:
    with zipfile.ZipFile(came) as archive:
        return {name: _bounded(card, archive.open(name)) for name in card.members}


def _from_tar(card: ModelCard, came: BinaryIO) -> dict[str, bytes]:
    came.seek(0)
    with tarfile.open(fileobj=came, mode="r:gz") as archive:
        # In the order of the archive: going back in it means to unpack it again.
        wanted = ((one, archive.extractfile(one)) for one in archive if one.name in card.members)
        return {one.name: _bounded(card, file) for one, file in wanted if file is not None}


def _bounded(card: ModelCard, file: IO[bytes]) -> bytes:
    """Return the content of a file, no more of it than the graph is long; a longer one fails its checksum."""
    with file:
        return file.read((card.size_bytes or 0) + 1)


def _unreachable(card: ModelCard, url: str, path: Path, error: Exception) -> ModelError:
    why = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    by_hand = (
        "" if card.members else f"; or download {url} by other means, and: tiler models add FILE --name {card.name}"
    )
    return ModelError(
        f"The model {card.name} is not on this disk and cannot be fetched from {host_of(url)}: {why}.",
        "Connect to the internet and run the same command again; or bring the file from a machine where it has been "
        f"fetched, to the same place: {path}{by_hand}",
    )


def _another(card: ModelCard, url: str, what: str) -> ModelError:
    return ModelError(
        f"What came from {url} is not the graph that the card of {card.name} describes: {what}.",
        f"It is not used. Find out from {card.source} why it changed.",
    )
