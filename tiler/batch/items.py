"""One picture of a batch, and what became of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["done", "skipped", "failed tiles", "failed", "passed over"]


@dataclass(frozen=True, slots=True)
class Item:
    """One path that was found, and where its matte goes.

    foregone: what becomes of it without a look at its pixels, with the `reason`; None: it is to be matted.
    """

    source: Path
    output: Path
    foregone: Outcome | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one path; `reason` where it was not done. The fields are the columns of the CSV."""

    source: str
    output: str
    outcome: Outcome
    seconds: float
    tiles_run: int
    reason: str

    @property
    def failed(self) -> bool:
        return self.outcome in ("failed", "failed tiles")
