"""A network that lies elsewhere, by an address or by its name on a model hub, as a file or a directory here."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tiler.cli.fetch import BY_HAND, MOST_S, fetch
from tiler.errors import InputError, SettingsError
from tiler.model.beside import CONFIG, SIDECAR
from tiler.model.card import DEFAULT_CONTRACT, find_card
from tiler.model.hub import find_graph
from tiler.model.proposal import name_of
from tiler.progress import Progress

MOST_MB = 4000.0
SCHEMES = ("https",)

HUGGING_FACE = re.compile(r"hf:([\w.-]+/[\w.-]+)(?::([\w./ -]+))?")
MODELSCOPE = re.compile(r"ms:([\w.-]+/[\w.-]+)")
# Where the graph lies in most repositories there.
USUAL_PATH = "onnx/model.onnx"


@contextmanager
def local(network: str, progress: Progress) -> Iterator[tuple[Path, str | None]]:
    """Give the file or directory of `network`, and what it is called there; None where its file says that.

    network: a path, an https address, hf:OWNER/NAME[:PATH] on Hugging Face, or ms:OWNER/NAME on ModelScope. What is
    fetched into a temporary directory comes from public addresses alone. progress: hears of the fetching.

    Raises InputError if it cannot be fetched, or is larger than `MOST_MB` MB; SettingsError for a name that is none.
    """
    if network.startswith("ms:"):
        hub_id = _parts(MODELSCOPE, network, "ms:OWNER/NAME")[0]
        bshm = find_card(DEFAULT_CONTRACT)
        card = replace(bshm, name=hub_id, hub_id=hub_id, directory=Path("nowhere"), sha256=None)
        yield find_graph(card, progress).parent, name_of(Path(hub_id + ".pb"))
        return
    if not network.startswith("hf:") and "://" not in network:
        yield Path(network), None
        return
    with TemporaryDirectory(prefix="tiler-") as folder:
        if not network.startswith("hf:"):
            yield _fetched(network, Path(folder), progress), None
            return
        repository, path = _parts(HUGGING_FACE, network, "hf:OWNER/NAME or hf:OWNER/NAME:PATH")
        root = f"https://huggingface.co/{repository}/resolve/main"
        graph = _fetched(f"{root}/{path or USUAL_PATH}", Path(folder), progress)
        for beside in (f"{path or USUAL_PATH}{SIDECAR}", CONFIG):
            _fetched_if_there(f"{root}/{beside}", Path(folder), progress)
        yield graph, name_of(Path(repository + ".onnx"))


def _fetched(url: str, folder: Path, progress: Progress) -> Path:
    try:
        return fetch(url, folder, max_mb=MOST_MB, max_s=MOST_S, progress=progress, schemes=SCHEMES)
    except InputError as error:
        # The options that the error speaks of are those of another program.
        raise InputError(error.what, f"Check the address. Or: {BY_HAND}") from error.__cause__


def _fetched_if_there(url: str, folder: Path, progress: Progress) -> None:
    try:
        _fetched(url, folder, progress)
    except InputError as error:
        if getattr(error.__cause__, "code", None) != 404:
            raise


def _parts(form: re.Pattern[str], network: str, wanted: str) -> tuple[str, ...]:
    found = form.fullmatch(network)
    if found is None or ".." in network:
        raise SettingsError(f"{network}: this names no network.", f"Give {wanted}.")
    return found.groups()
