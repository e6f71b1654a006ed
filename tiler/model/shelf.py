"""The user's own networks: each a directory with its card and its graph, in the user's folder for data."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import tomli_w

from tiler.atomic import atomic_directory
from tiler.errors import ModelError
from tiler.model.card import CARD, ModelCard, cards, own_home, read_card
from tiler.model.toml_table import table_of

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def own_cards() -> tuple[tuple[ModelCard, ...], tuple[ModelError, ...]]:
    """Return the cards of the user's own networks, in the order of their names, and what is wrong with others."""
    found, wrong = [], []
    for path in sorted(own_home().glob(f"*/{CARD}")):
        try:
            found.append(read_card(path))
        except ModelError as error:
            wrong.append(error)
    return tuple(found), tuple(wrong)


def check_name(name: str) -> None:
    """Raise ModelError if a network cannot be installed under `name`."""
    if not NAME.fullmatch(name):
        raise ModelError(f"A network cannot be called {name!r}.", "Give letters, digits, dots and dashes: --name NAME.")
    if any(card.name == name and (card.directory / card.graph).is_file() for card in cards()):
        raise ModelError(f"A network called {name} comes with tiler.", "Choose another name: --name NAME.")
    if (own_home() / name).exists():
        raise ModelError(
            f"There is a network called {name} already.", f"Choose another: --name NAME; or: tiler models remove {name}"
        )


def install(card: ModelCard, graph: Path) -> ModelCard:
    """Copy the file `graph` and its card into the user's folder, and return the card as it is there."""
    check_name(card.name)
    home = own_home() / card.name
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{home.parent}: cannot be made: {error.strerror}.", "Make room there.") from error
    kept = replace(card, directory=home, url=None, members=(), hub_id=None, revision=None, obtain=None)
    with atomic_directory(home) as part:
        part.mkdir()
        shutil.copyfile(graph, part / card.graph)
        (part / CARD).write_text(tomli_w.dumps(table_of(kept, leave_out=("directory",))), encoding="utf-8")
    return read_card(home / CARD)


def remove(name: str) -> Path:
    """Remove the user's network `name` and return where it was; raises ModelError if it is none of the user's own."""
    home = own_home() / name
    if not NAME.fullmatch(name) or not (home / CARD).is_file():
        if name in {card.name for card in cards()}:
            raise ModelError(f"{name} comes with tiler.", "Only networks that were added can be removed.")
        raise ModelError(f"There is no network {name!r} of your own.", "`tiler models` lists them.")
    try:
        shutil.rmtree(home)
    except OSError as error:
        raise ModelError(f"{home}: cannot be removed: {error.strerror}.", "Check its permissions.") from error
    return home
