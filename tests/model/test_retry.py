import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.fakes import RedIsAlpha
from tiler.errors import ModelError
from tiler.model.pair import Pair
from tiler.model.retry import NoAnswerError, RetryingNetwork, retrying

RGB = np.full((3, 4, 3), 255, np.float32)


class Failing:
    """Fails so many times with `error`, or gives `answer` in place of the right one."""

    def __init__(self, times, error=None, answer=None):
        self.times, self.answer = times, answer
        self.error = error or MemoryError("no room")

    def alpha(self, rgb):
        self.times -= 1
        if self.times < 0:
            return RedIsAlpha().alpha(rgb)
        if self.answer is not None:
            return self.answer
        raise self.error


BAD = [np.zeros((3, 3), np.float32), np.full((3, 4), np.nan, np.float32), np.full((3, 4), np.inf, np.float32)]


@pytest.mark.parametrize("answer", [None, *BAD])
def test_one_failure_is_not_noticed(answer):
    np.testing.assert_array_equal(RetryingNetwork(Failing(1, answer=answer)).alpha(RGB), 1)


@pytest.mark.parametrize("answer", [None, *BAD])
def test_two_are_told(answer):
    with pytest.raises(NoAnswerError, match="no room" if answer is None else "answered"):
        RetryingNetwork(Failing(2, answer=answer)).alpha(RGB)


def test_the_reason_is_one_line():
    with pytest.raises(NoAnswerError, match=r"^The graph broke\.$"):
        RetryingNetwork(Failing(2, ModelError("The graph broke.", "Mend it."))).alpha(RGB)
    with pytest.raises(NoAnswerError, match=r"^RuntimeError$"):
        RetryingNetwork(Failing(2, RuntimeError())).alpha(RGB)


def test_an_interrupt_is_no_failure():
    with pytest.raises(KeyboardInterrupt):
        RetryingNetwork(Failing(1, KeyboardInterrupt())).alpha(RGB)


class Crowded:
    """Fails whenever two ask at once; counts the most that ever did."""

    def __init__(self):
        self.lock, self.inside, self.alone = threading.Lock(), 0, 0

    def alpha(self, rgb):
        with self.lock:
            self.inside += 1
        time.sleep(0.002)
        with self.lock:
            crowded = self.inside > 1
        time.sleep(0.002)
        with self.lock:
            self.inside -= 1
            self.alone += not crowded
        if crowded:
            raise MemoryError
        return RedIsAlpha().alpha(rgb)


@pytest.mark.parametrize("runs", [1, 3])
def test_the_second_try_is_made_alone_in_all_runs_that_share_a_network(runs):
    crowded = Crowded()
    patient = [RetryingNetwork(crowded) for _ in range(runs)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: patient[number % runs].alpha(RGB).mean(), range(40)))
    assert answers == [1.0] * 40
    assert crowded.alone >= 40


def test_of_two_networks_one_has_the_memory_of_both_for_its_second_try():
    class Other:
        """Another network, in the same memory."""

        def __init__(self, network):
            self.alpha = network.alpha

    crowded = Crowded()
    both = retrying(Pair(crowded, Other(crowded)))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: both[number % 2].alpha(RGB).mean(), range(40)))
    assert answers == [1.0] * 40
