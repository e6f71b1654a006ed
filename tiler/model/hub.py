"""Where the graph of a card lies: beside the card, in a cache, at its address, on ModelScope, or with a person."""

from pathlib import Path
from typing import Any

from tiler.errors import ModelError
from tiler.model.card import ModelCard
from tiler.model.download import cached, download, host_of
from tiler.progress import Progress

BYTES_A_STEP = 2**20


def find_graph(card: ModelCard, progress: Progress) -> Path:
    """Return the path of the graph of `card`, fetched if it is not on this disk yet.

    progress: hears of the fetching, in steps of 2^20 bytes.
    Raises ModelError, naming the ways to get the model, if the hub cannot be reached or does not have it.
    """
    path = _on_disk(card)
    if path is not None:
        return path
    if card.url is not None:
        return download(card, card.url, progress)
    if card.obtain is not None:
        raise ModelError(
            f"The graph of {card.name} is not on this disk, and cannot be fetched by a program.",
            f"{card.obtain} Then: {_by_hand(card)}",
        )
    if card.hub_id is None:
        raise ModelError(
            f"{card.directory / card.graph}: the graph of {card.name} is missing or empty.",
            "Put the file there, or install tiler again if it came with it.",
        )
    return _fetch(card, card.hub_id, progress)


def is_here(card: ModelCard) -> bool:
    """Return whether the graph of `card` is on this disk; asks no network."""
    return _on_disk(card) is not None


def status(card: ModelCard) -> str:
    """Return one line on whether the graph of `card` is on this disk; asks no network."""
    path = _on_disk(card)
    if path is not None:
        return f"on this disk: {path}"
    if card.url is not None:
        return f"not on this disk; fetched from {host_of(card.url)} when first used"
    if card.hub_id is not None:
        return f"not on this disk; fetched from ModelScope ({card.hub_id}, {card.revision}) when first used"
    if card.obtain is not None:
        return f"not on this disk; to be downloaded by hand, and then: {_by_hand(card)}"
    return "missing; install tiler again"


def _by_hand(card: ModelCard) -> str:
    return f"tiler models add FILE --name {card.name}"


def _on_disk(card: ModelCard) -> Path | None:
    """Return where the whole graph lies: beside its card or in a cache."""
    beside = card.directory / card.graph
    if _is_whole(beside):
        return beside
    if card.url is not None:
        return cached(card)
    if card.hub_id is None:
        return None
    fetch, failure = _client()
    try:
        snapshot = fetch(card.hub_id, revision=card.revision, local_files_only=True)
    except (failure, OSError):
        return None
    # An earlier attempt without a network leaves a snapshot with nothing in it.
    path = Path(snapshot) / card.graph
    return path if _is_whole(path) else None


def _fetch(card: ModelCard, hub_id: str, progress: Progress) -> Path:
    fetch, failure = _client()
    progress.note(f"Fetching {card.name} from ModelScope ({hub_id}, {card.revision}); this happens once.")
    try:
        snapshot = fetch(
            hub_id,
            revision=card.revision,
            allow_patterns=[card.graph],
            progress_callbacks=[_listener(card, progress)],
        )
    except (failure, OSError) as error:
        # A connection's own words are a page of addresses and retries.
        why = "it cannot be reached" if isinstance(error, ConnectionError) else _first_line(error)
        raise _unreachable(card, hub_id, f"cannot be fetched from ModelScope: {why}") from error
    fetched = Path(snapshot) / card.graph
    if not _is_whole(fetched):
        raise _unreachable(card, hub_id, f"came from ModelScope without its {card.graph}")
    return fetched


def _listener(card: ModelCard, progress: Progress) -> Any:
    """Return the class that ModelScope makes one of for each file: it receives bytes and reports steps."""
    from modelscope.hub.callback import ProgressCallback

    class Listener(ProgressCallback):  # type: ignore[misc]
        def __init__(self, filename: str, file_size: int) -> None:
            super().__init__(filename, file_size)
            self.bytes = 0
            progress.stage(f"fetch {card.name}", -(-file_size // BYTES_A_STEP))

        def update(self, size: int) -> None:
            before, self.bytes = self.bytes, self.bytes + size
            progress.advance(-(-self.bytes // BYTES_A_STEP) + (-before // BYTES_A_STEP))

    return Listener


def _client() -> tuple[Any, type[Exception]]:
    """Return ModelScope's download function and its error."""
    try:
        from modelscope import snapshot_download
        from modelscope.hub.errors import HubError
    except ImportError as error:
        raise ModelError(
            f"ModelScope's hub client cannot be loaded: {error}.", "Install it with: pip install modelscope"
        ) from error
    return snapshot_download, HubError


def _unreachable(card: ModelCard, hub_id: str, what: str) -> ModelError:
    return ModelError(
        f"The model {card.name} is not on this disk and {what}.",
        "There are three ways to get it:\n"
        "  1. connect to the internet and run the same command again;\n"
        f"  2. on a connected machine run `modelscope download {hub_id} --revision {card.revision}`, copy its cache\n"
        "     directory here and point the environment variable MODELSCOPE_CACHE at the copy;\n"
        f"  3. put {card.graph} into any directory and say --model DIR.",
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _is_whole(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
