"""What a network is, what it expects, and what it likes: a value, read from the TOML file beside its graph."""

import math
import re
import tomllib
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path

from tiler.errors import ModelError
from tiler.model.contract import Input, Output
from tiler.model.toml_table import read_table, wrong

CARD = "card.toml"
GRAPH = "tf_graph.pb"

SHA256 = re.compile(r"[0-9a-f]{64}")

# The contract of a directory that has a graph and no card.
DEFAULT_CONTRACT = "bshm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What tiler knows of a network.

    What it is:
    name: what the user types. title: one line for people.
    licence: of the weights, as an SPDX name, or where it is stated. commercial: whether that allows commercial use.
    source: where the weights come from, an address.
    verified: whether the weights themselves were run when the card was written.
    role: "guide" for a network that knows pictures as a whole only: it is not shown tiles. "detail" for one that needs
    to be told what is there: it is shown tiles alone, and the guide is of another network or of the user. Else "any".

    Its graph:
    runtime: what runs it, "tensorflow" (a frozen graph) or "onnx".
    graph: its file name. sha256: of that file, lower-case hexadecimal; None where it is not known beforehand.
    size_bytes: its size. url: from where it is downloaded, https; `sha256` and `size_bytes` are named with it.
    members: paths in the archive at `url`, a zip or a tar.gz, whose contents one after the other are the graph; empty
    where the file at `url` is the graph itself.
    hub_id: its name on ModelScope; None for a network that is not fetched from there.
    revision: the branch, tag or commit to fetch there; named wherever `hub_id` is.
    obtain: how a person comes by the graph, where it cannot be fetched; None where it can, or comes with the card.
    input, output: its contract.

    What it likes:
    guide_px: short side of the picture on which it is at its best.
    tile_px, overlap_px: side of a tile, and how much neighbours should share.
    views_px: short sides at which it is asked for a picture whose guide has `guide_px`, each also for the mirror image;
    the consensus of its answers is the guide. Empty where that was not measured: it is asked once.
    network_levels: in how many levels above the base its tiles earn their cost; None where that was not measured: in
    all of them. 0 for a guide.
    noise: how far off its answers for tiles are where the guide is uncertain, a root mean square of alpha, as
    scripts/bench/noise.py measures it. None where that was not measured. From 0.1 up, and if None, an answer counts as
    MODNet's does; the less the noise is below that, the more it counts for itself; with 0 it is the alpha, as far as
    the guide constraint allows.

    directory: where the card lies; the graph may lie beside it.
    """

    name: str
    title: str
    licence: str
    commercial: Literal["yes", "no", "not known"]
    source: str
    verified: bool
    role: Literal["any", "guide", "detail"]
    runtime: Literal["tensorflow", "onnx"]
    graph: str
    input: Input
    output: Output
    guide_px: int
    tile_px: int
    overlap_px: int
    directory: Path = field(compare=False)
    sha256: str | None = None
    size_bytes: int | None = None
    url: str | None = None
    members: tuple[str, ...] = ()
    hub_id: str | None = None
    revision: str | None = None
    obtain: str | None = None
    views_px: tuple[int, ...] = ()
    network_levels: int | None = None
    noise: float | None = None

    @property
    def kind(self) -> Literal["image", "image+trimap"]:
        """What it is fed."""
        return "image" if self.input.trimap is None else "image+trimap"

    @property
    def terms(self) -> str:
        """One sentence on what its licence allows."""
        commercial = {"yes": "allowed", "no": "not allowed", "not known": "not known to be allowed"}[self.commercial]
        return f"Licence of its weights: {self.licence}; commercial use is {commercial}."


def read_card(path: Path) -> ModelCard:
    """Return the card in the TOML file `path`. Raises ModelError, naming the field that is missing or wrong."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: the card cannot be read: {error.strerror}.", "Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: this is not TOML: {error}.", "Correct the file at that place.") from error
    card: ModelCard = read_table(path, table, ModelCard, given={"directory": path.parent})
    _check_contract(card, path)
    _check_origin(card, path)
    return card


def cards() -> tuple[ModelCard, ...]:
    """Return the cards that come with tiler, in the order of their names."""
    return tuple(read_card(path) for path in sorted(_data().glob(f"*/{CARD}")))


def own_home() -> Path:
    """Return the folder of the user's own networks: a directory each."""
    return user_data_path("tiler-matting", appauthor=False) / "models"


def find_card(model: str) -> ModelCard:
    """Return the card of `model`, the name of a card that comes with tiler or was added, or a directory.

    A card that came with tiler and was added together with its graph is the one that was added.

    A directory holds a graph and a card, or just `tf_graph.pb`; that is then taken to keep bshm's contract, as its
    relatives on ModelScope do. A name goes before a directory of that name; "./name" means the directory.

    Raises ModelError if there is no such name or directory, naming the models there are.
    """
    known = {card.name: card for card in cards()}
    directory = own_home() / model if Path(model).name == model else Path(model)
    if model in known and not (directory / CARD).is_file():
        return known[model]
    if not (directory / CARD).is_file():
        directory = Path(model)
    if (directory / CARD).is_file():
        return read_card(directory / CARD)
    if (directory / GRAPH).is_file():
        name = directory.resolve().name
        bshm = replace(known[DEFAULT_CONTRACT], hub_id=None, revision=None, sha256=None)
        return replace(bshm, name=name, title=name, directory=directory)
    names = ", ".join(sorted({*known, *(path.parent.name for path in own_home().glob(f"*/{CARD}"))}))
    if directory.is_dir():
        raise ModelError(f"{model}: there is neither {CARD} nor {GRAPH} in this directory.", f"Or choose: {names}.")
    raise ModelError(
        f"There is no model {model!r}.",
        f"Choose one of {names}, give a directory with a {GRAPH}, or add one: tiler models add FILE",
    )


def _data() -> Path:
    return Path(str(files("tiler.model").joinpath("data")))


def _check_contract(card: ModelCard, path: Path) -> None:
    least = {
        "guide_px": (card.guide_px, 1),
        "tile_px": (card.tile_px, 1),
        "overlap_px": (card.overlap_px, 0),
        "network_levels": (card.network_levels, 0),
        "input.multiple_px": (card.input.multiple_px, 1),
        "output.channel": (card.output.channel, 0),
    }
    for name, (value, at_least) in least.items():
        if value is not None and value < at_least:
            raise wrong(path, f"{name} is {value}", f"Give {at_least} or more.")
    if any(side < 1 for side in card.views_px):
        raise wrong(path, f"views_px is {list(card.views_px)}", "Give whole numbers above 0.")
    if 2 * card.overlap_px > card.tile_px:
        raise wrong(path, f"overlap_px is {card.overlap_px}", f"Give at most half of tile_px, {card.tile_px // 2}.")
    for name, scale in (("input.scale", card.input.scale), ("output.scale", card.output.scale)):
        if scale not in (1, 255):
            raise wrong(path, f"{name} is {scale:g}", "Give 255 or 1.")
    if not all(math.isfinite(one) and one > 0 for one in card.input.std) or not all(
        map(math.isfinite, card.input.mean)
    ):
        raise wrong(path, "input.mean and input.std are not usable", "Give finite numbers, and for std above 0.")
    if (card.input.fit == "multiple") != (card.input.multiple_px > 1):
        raise wrong(
            path,
            f"input.fit is {card.input.fit!r} and input.multiple_px {card.input.multiple_px}",
            'A multiple goes with fit = "multiple", and is above 1.',
        )
    if card.input.pad is not None and card.input.fit not in ("multiple", "square-letterbox"):
        raise wrong(
            path,
            f"input.fit is {card.input.fit!r} and input.pad {card.input.pad!r}",
            'Only the fits "multiple" and "square-letterbox" continue a picture: leave pad out.',
        )
    if card.runtime == "tensorflow" and not (card.input.tensor and card.output.tensor):
        raise wrong(path, "a tensor is not named", "Name input.tensor and output.tensor of a TensorFlow graph.")
    if card.role == "guide" and card.network_levels != 0:
        raise wrong(path, f"network_levels is {card.network_levels}", "Give 0: a guide is not shown tiles.")
    _check_detail(card, path)
    if card.output.stretch != "none" and card.role != "guide":
        raise wrong(path, f"output.stretch is {card.output.stretch!r}", 'Only the role "guide" may ask for that.')


def _check_detail(card: ModelCard, path: Path) -> None:
    if card.noise is not None and not (math.isfinite(card.noise) and card.noise >= 0):
        raise wrong(path, f"noise is {card.noise:g}", "Give a share of alpha, 0 or more.")
    if card.role == "detail" and card.network_levels == 0:
        raise wrong(
            path, "network_levels is 0", 'The role "detail" is for a network that is shown tiles: give 1 or more.'
        )
    if card.role == "detail" and card.views_px:
        raise wrong(path, f"views_px is {list(card.views_px)}", 'A network of the role "detail" makes no guide: none.')
    trimap = card.input.trimap
    if trimap is None:
        return
    if card.role != "detail":
        raise wrong(path, f"there is an input.trimap and role is {card.role!r}", 'Its role is "detail": give that.')
    if len(set(trimap.values)) < 3 or not all(map(math.isfinite, trimap.values)):
        raise wrong(path, f"input.trimap.values is {list(trimap.values)}", "Give three different, finite numbers.")
    if trimap.tensor is not None and trimap.tensor == card.input.tensor:
        raise wrong(
            path,
            f"input.trimap.tensor is {trimap.tensor!r}, that of the picture",
            "Leave it out where the trimap is one channel more of the picture's tensor.",
        )


def _check_origin(card: ModelCard, path: Path) -> None:
    if (card.hub_id is None) != (card.revision is None):
        raise wrong(path, f"hub_id is {card.hub_id!r} and revision {card.revision!r}", "Give both, or neither.")
    if card.sha256 is not None and not SHA256.fullmatch(card.sha256):
        raise wrong(path, f"sha256 is {card.sha256!r}", "Give 64 digits of 0-9 and a-f, as `sha256sum` prints them.")
    if Path(card.graph).name != card.graph:
        raise wrong(path, f"graph is {card.graph!r}", "Give the name of a file beside the card.")
    if card.url is not None and (card.sha256 is None or card.size_bytes is None):
        raise wrong(path, "url is there without sha256 and size_bytes", "Give all three.")
    if card.url is not None and not card.url.startswith("https://"):
        raise wrong(path, f"url is {card.url!r}", "Give an address that begins with https://.")
    if card.obtain is not None and (card.url is not None or card.hub_id is not None):
        raise wrong(path, "obtain is there, and so is url or hub_id", "Give one of them.")
    if card.members and card.url is None:
        raise wrong(path, "members is there without url", "Give both, or no members.")
