"""The page of a network that was tried: what it answers for the example portrait, and what its card says."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.atomic import atomic_file
from tiler.inspect.html import jpeg, page, table_rows
from tiler.inspect.snapshot import Uint8
from tiler.model.card import ModelCard
from tiler.model.trial import Trial


def write_network_html(path: Path, card: ModelCard, tried: Trial, said: Sequence[str]) -> None:
    """Write the page of the network of `card` into the file `path`, complete or not at all.

    tried: what it answers. said: what was found, one sentence each. Raises OutputError if the file cannot be written.
    """
    text = network_html(card, tried, said)
    with atomic_file(path) as file:
        file.write(text.encode(errors="backslashreplace"))  # names of files need not be text


def network_html(card: ModelCard, tried: Trial, said: Sequence[str]) -> str:
    """Return the page of the network of `card` as text: one file that loads no other file and sends no request."""
    height, width = tried.alpha.shape
    views = (
        ("true alpha", grey(tried.truth)),
        ("alpha", grey(tried.alpha)),
        ("of the mirror image", grey(tried.mirrored)),
        ("upside down", grey(tried.upside_down)),
        ("difference from the true alpha", grey(2 * np.abs(tried.alpha - tried.truth))),
    )
    return page(
        "network.html",
        name=escape(card.name),
        title=escape(card.title),
        state="bad" if tried.is_far or not tried.same else "good",
        verdict=f"Its alpha of the example portrait is off from the true one by {tried.off:.3f} on average.",
        ratio=f"{width} / {height}",
        picture=jpeg(np.rint(tried.picture).astype(np.uint8)),
        alpha=jpeg(grey(tried.alpha)),
        views="\n".join(
            f'<figure><img src="{jpeg(view)}" alt="{name}"><figcaption>{name}</figcaption></figure>'
            for name, view in views
        ),
        found="\n".join(f"<li>{escape(one)}</li>" for one in (card.terms, *said)),
        card=table_rows(rows_of(card)),
    )


def rows_of(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Return the fields of a card that say something, and their values as text."""
    rows = []
    for one in fields(value):
        held = getattr(value, one.name)
        if is_dataclass(held):
            rows += rows_of(held, f"{prefix}{one.name}.")
        elif held not in (None, ()):
            text = ", ".join(map(str, held)) if isinstance(held, tuple) else str(held)
            rows.append((prefix + one.name, text))
    return rows


def grey(alpha: NDArray[np.float32]) -> Uint8:
    """Return an alpha, 0..1 or beyond, as 8-bit grey."""
    return np.rint(255 * np.clip(alpha, 0, 1)).astype(np.uint8)
