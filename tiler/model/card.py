"""What a network is, what it expects, and what it likes: a value, read from the TOML file beside its graph."""

import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path

from tiler.errors import ModelError

CARD = "card.toml"
GRAPH = "tf_graph.pb"

SHA256 = re.compile(r"[0-9a-f]{64}")

# The contract of a directory that has a graph and no card.
DEFAULT_CONTRACT = "bshm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """The contract of a network. Pixels and alpha are 0..255 at its tensors, whatever it does inside.

    name: what the user types. title: one line for people.
    licence: of the weights, as an SPDX name, or where it is stated. source: where they come from, an address.
    graph: file name of the frozen TensorFlow graph.
    sha256: of that file, lower-case hexadecimal; None where it is not known beforehand.
    hub_id: its name on ModelScope; None for a network that is not fetched from there.
    revision: the branch, tag or commit to fetch there; named wherever `hub_id` is.
    input_tensor: takes (h, w, 3) float32, 0..255, in the order `channels`, "rgb" or "bgr".
    output_tensor: gives (h, w, c) float32, 0..255, of which channel `alpha_channel` is the alpha.
    guide_px: short side of the picture on which it is at its best.
    tile_px, overlap_px: side of a tile, and how much neighbours should share.
    multiple_px: both sides of what it is fed must be multiples of this; the session sees to it.
    views_px: short sides at which it is asked for a picture whose guide has `guide_px`, each also for the mirror image;
    the consensus of its answers is the guide. Empty where that was not measured: it is asked once.
    network_levels: in how many levels above the base its tiles earn their cost; None where that was not measured: in
    all of them.
    directory: where the card lies; the graph may lie beside it.
    """

    name: str
    title: str
    licence: str
    source: str
    graph: str
    input_tensor: str
    output_tensor: str
    channels: str
    alpha_channel: int
    guide_px: int
    tile_px: int
    overlap_px: int
    multiple_px: int
    directory: Path = field(compare=False)
    hub_id: str | None = None
    revision: str | None = None
    sha256: str | None = None
    views_px: tuple[int, ...] = ()
    network_levels: int | None = None


OPTIONAL = ("hub_id", "revision", "sha256", "views_px", "network_levels")
INTEGERS = ("alpha_channel", "guide_px", "tile_px", "overlap_px", "multiple_px", "network_levels")


def read_card(path: Path) -> ModelCard:
    """Return the card in the TOML file `path`. Raises ModelError, naming the field that is missing or wrong."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: the card cannot be read: {error.strerror}.", "Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: this is not TOML: {error}.", "Correct the file at that place.") from error
    known = [one.name for one in fields(ModelCard) if one.name != "directory"]
    if unknown := sorted(table.keys() - set(known)):
        raise _wrong(path, f"there is no field {unknown[0]!r}", f"The fields are: {', '.join(known)}.")
    if missing := sorted(set(known) - table.keys() - set(OPTIONAL)):
        raise _wrong(path, f"the field {missing[0]!r} is missing", f"Add it; {DEFAULT_CONTRACT}'s card shows how.")
    for name, value in table.items():
        _check_type(path, name, value)
    views_px = tuple(table.pop("views_px", ()))
    card = ModelCard(**table, views_px=views_px, directory=path.parent)
    _check(card, path)
    return card


def cards() -> tuple[ModelCard, ...]:
    """Return the cards that come with tiler, in the order of their names."""
    return tuple(read_card(path) for path in sorted(_data().glob(f"*/{CARD}")))


def find_card(model: str) -> ModelCard:
    """Return the card of `model`, the name of a card that comes with tiler or a directory.

    A directory holds a graph and a card, or just `tf_graph.pb`; that is then taken to keep bshm's contract, as its
    relatives on ModelScope do. A name goes before a directory of that name; "./name" means the directory.

    Raises ModelError if there is no such name or directory, naming the models there are.
    """
    known = {card.name: card for card in cards()}
    if model in known:
        return known[model]
    directory = Path(model)
    if (directory / CARD).is_file():
        return read_card(directory / CARD)
    if (directory / GRAPH).is_file():
        name = directory.resolve().name
        bshm = replace(known[DEFAULT_CONTRACT], hub_id=None, revision=None, sha256=None)
        return replace(bshm, name=name, title=name, directory=directory)
    names = ", ".join(known)
    if directory.is_dir():
        raise ModelError(f"{model}: there is neither {CARD} nor {GRAPH} in this directory.", f"Or choose: {names}.")
    raise ModelError(f"There is no model {model!r}.", f"Choose one of {names}, or give a directory with a {GRAPH}.")


def _data() -> Path:
    return Path(str(files("tiler.model").joinpath("data")))


def _check_type(path: Path, name: str, value: object) -> None:
    if name == "views_px":
        if not isinstance(value, list) or not all(type(side) is int and side > 0 for side in value):
            raise _wrong(path, f"{name} is {value!r}", "Give a list of whole numbers above 0.")
    elif name in INTEGERS:
        if type(value) is not int:
            raise _wrong(path, f"{name} is {value!r}", "Give a whole number.")
    elif not isinstance(value, str):
        raise _wrong(path, f"{name} is {value!r}", "Give a text.")


def _check(card: ModelCard, path: Path) -> None:
    if card.channels not in ("rgb", "bgr"):
        raise _wrong(path, f"channels is {card.channels!r}", 'Give "rgb" or "bgr".')
    least = {"alpha_channel": 0, "guide_px": 1, "tile_px": 1, "overlap_px": 0, "multiple_px": 1}
    if card.network_levels is not None:
        least["network_levels"] = 0
    for name, value in least.items():
        if getattr(card, name) < value:
            raise _wrong(path, f"{name} is {getattr(card, name)}", f"Give {value} or more.")
    if 2 * card.overlap_px > card.tile_px:
        raise _wrong(path, f"overlap_px is {card.overlap_px}", f"Give at most half of tile_px, {card.tile_px // 2}.")
    if (card.hub_id is None) != (card.revision is None):
        raise _wrong(path, f"hub_id is {card.hub_id!r} and revision {card.revision!r}", "Give both, or neither.")
    if card.sha256 is not None and not SHA256.fullmatch(card.sha256):
        raise _wrong(path, f"sha256 is {card.sha256!r}", "Give 64 digits of 0-9 and a-f, as `sha256sum` prints them.")
    if Path(card.graph).name != card.graph:
        raise _wrong(path, f"graph is {card.graph!r}", "Give the name of a file beside the card.")


def _wrong(path: Path, what: str, remedy: str) -> ModelError:
    return ModelError(f"{path}: {what}.", remedy)
