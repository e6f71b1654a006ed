"""What a run tells while it works: the stage it is in, and how far that has come."""

from typing import Protocol


class Progress(Protocol):
    """Hears of stages and steps; `advance` may be called from any thread."""

    def stage(self, name: str, total: int) -> None:
        """Begin the stage `name`, which has `total` steps."""

    def advance(self, steps: int = 1) -> None:
        """Say that `steps` more of the present stage are done."""

    def note(self, text: str) -> None:
        """Say one line that a person should read."""


class Silent:
    """Tells nobody."""

    def stage(self, name: str, total: int) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def note(self, text: str) -> None: ...
