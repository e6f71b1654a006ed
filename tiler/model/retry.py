"""A network that gets a second chance, alone; and whose answers are checked.

Alone in the whole process: the pictures of a batch share one network, and its memory.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Condition, Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tiler.errors import TilerError
from tiler.model.card import ModelCard
from tiler.model.network import Network
from tiler.model.pair import networks_of
from tiler.model.session import Opened


class NoAnswerError(Exception):
    """The network failed twice on the same pixels; the message is why, the second time."""


class RetryingNetwork:
    """A `Network` that asks another one, and once more if that fails, while nobody else asks, in this run or another.

    What fails beside other tiles, for want of memory above all, often succeeds alone.
    """

    def __init__(self, network: Network, beside: Network | None = None) -> None:
        """Ask `network`, whose memory is also that of `beside`: nobody asks that one meanwhile either."""
        self._network = network
        self._door = _door_of(beside or network)

    @property
    def card(self) -> ModelCard:
        return self._network.card

    def alpha(self, rgb: NDArray[np.float32], hint: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return the network's answer; raises NoAnswerError if it fails twice, with whatever error.

        An answer of another shape than the pixels', or with numbers that are not finite, is a failure too.
        """
        given = (rgb,) if hint is None else (rgb, hint)
        try:
            return self._asked(given, self._door.beside_others)
        except Exception:  # a network may fail in any way, and every way deserves the second chance
            pass
        # Not inside the handler: the first error holds on to the memory that the second try may need.
        try:
            return self._asked(given, self._door.alone)
        except Exception as error:
            raise NoAnswerError(_reason(error)) from error

    def _asked(
        self, given: tuple[NDArray[np.float32], ...], way_in: Callable[[], AbstractContextManager[None]]
    ) -> NDArray[np.float32]:
        with way_in():
            alpha = self._network.alpha(*given)
        if alpha.shape != given[0].shape[:2]:
            raise ValueError(f"it answered {given[0].shape[:2]} pixels with {alpha.shape}")
        if not np.isfinite(alpha).all():
            raise ValueError("it answered with numbers that are not finite")
        return alpha


def retrying(session: Opened) -> tuple[RetryingNetwork, RetryingNetwork]:
    """Return the networks of `networks_of`, each with a second chance while neither is asked by others."""
    guide, tiles = networks_of(session)
    return RetryingNetwork(guide, session), RetryingNetwork(tiles, session)


class _Door:
    """Lets many in together, or one alone; who wants to be alone goes before who comes later."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._inside = 0
        self._wish_to_be_alone = 0

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._wish_to_be_alone)
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._wish_to_be_alone += 1
            self._changed.wait_for(lambda: not self._inside)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._wish_to_be_alone -= 1
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()


_doors: WeakKeyDictionary[Network, _Door] = WeakKeyDictionary()
_finding = Lock()


def _door_of(network: Network) -> _Door:
    """Return the one door of `network`, whichever run asks."""
    with _finding:
        return _doors.setdefault(network, _Door())


def _reason(error: Exception) -> str:
    said = error.what if isinstance(error, TilerError) else str(error)
    return said.splitlines()[0] if said else type(error).__name__
