"""Trust on first use: a graph from the hub whose card knows no sha256 must stay the one that was fetched first.

A revision on the hub is a name, and its owner can move it. What was seen first is kept in the user's own folder for
state, outside of the hub's cache, so that fetching again does not lose it.
"""

import json
from dataclasses import replace
from pathlib import Path

from platformdirs import user_state_path

from tiler.atomic import atomic_file
from tiler.checksum import sha256_of
from tiler.errors import ModelError, OutputError
from tiler.model.card import ModelCard
from tiler.progress import Progress


def pinned(card: ModelCard, path: Path, progress: Progress) -> ModelCard:
    """Return `card` with the sha256 that its graph, the file `path`, must have.

    A card that has one, or whose graph is not from the hub, is returned as it is. Else the sha256 is the one that was
    seen first, or that of the file, which is then kept and told to `progress`.
    Raises ModelError if the file is another one than that seen first.
    """
    if card.sha256 is not None or card.hub_id is None or path.parent == card.directory:
        return card
    record = record_path()
    seen, key = _seen(record), f"{card.hub_id}@{card.revision}/{card.graph}"
    found = sha256_of(path, progress)
    if key not in seen:
        progress.note(f"{card.name}: first used now, with the sha256 {found}; another graph is refused from now on.")
        _keep(record, {**seen, key: found}, progress)
    elif seen[key] != found:
        raise ModelError(
            f"{path}: this is not the graph of {card.name} that was used first. Its sha256 was {seen[key]}, "
            f"and is {found}.",
            f"Find out from {card.source} why it changed, or fetch it again. If you trust the new one, remove the line "
            f"{key!r} from {record}.",
        )
    return replace(card, sha256=found)


def record_path() -> Path:
    """Return the file that keeps what was seen first: a JSON object, HUB_ID@REVISION/GRAPH to sha256."""
    return user_state_path("tiler-matting", appauthor=False) / "graphs.json"


def _seen(record: Path) -> dict[str, str]:
    try:
        seen = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        seen = str(error)
    if not isinstance(seen, dict) or not all(isinstance(value, str) for value in seen.values()):
        raise ModelError(
            f"{record}: the list of graphs that were used first cannot be read.",
            "Mend it, or remove it to trust the graphs that are here now.",
        )
    return seen


def _keep(record: Path, seen: dict[str, str], progress: Progress) -> None:
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(record) as file:
            file.write(json.dumps(seen, indent=1).encode())
    except (OSError, OutputError):
        progress.note(f"{record}: the sha256 cannot be kept here, so a change of the graph would not be noticed.")
