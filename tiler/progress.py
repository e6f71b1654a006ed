"""What a run reports while it works: the stage it is in, how far that has come, and what a person should know."""

import logging
from collections.abc import Callable
from typing import Protocol

LOG = logging.getLogger("tiler")
LOG.addHandler(logging.NullHandler())


class Progress(Protocol):
    """Receives stages and steps; `advance` may be called from any thread."""

    def stage(self, name: str, total: int) -> None:
        """Begin the stage `name`, which has `total` steps."""

    def advance(self, steps: int = 1) -> None:
        """Count `steps` more of the present stage as done."""

    def note(self, text: str) -> None:
        """Take one line that a person should read."""


class Silent:
    """A progress that shows nothing."""

    def stage(self, name: str, total: int) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def note(self, text: str) -> None: ...


class Logged:
    """A progress that tells another one, and the logger "tiler" as well: notes as INFO, stages as DEBUG."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def stage(self, name: str, total: int) -> None:
        LOG.debug("%s: %d steps", name, total)
        self._progress.stage(name, total)

    def advance(self, steps: int = 1) -> None:
        self._progress.advance(steps)

    def note(self, text: str) -> None:
        LOG.info(text)
        self._progress.note(text)


class Interruptible:
    """A progress that asks `check` before it tells another one of a stage or a step; `check` raises to end the run."""

    def __init__(self, progress: Progress, check: Callable[[], None]) -> None:
        self._progress, self._check = progress, check

    def stage(self, name: str, total: int) -> None:
        self._check()
        self._progress.stage(name, total)

    def advance(self, steps: int = 1) -> None:
        self._check()
        self._progress.advance(steps)

    def note(self, text: str) -> None:
        self._progress.note(text)


def logged(progress: Progress | None) -> Progress:
    """Return `progress`, or a silent one, with the logger beside it; one that is logged already, as it is."""
    return progress if isinstance(progress, Logged) else Logged(progress or Silent())
