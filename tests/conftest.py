import os
from importlib import import_module

import pytest
from hypothesis import settings

from tiler.image.read import isolated

# Machines are shared and noisy, so no example has a deadline. CI draws the same examples every time, and fewer, for it
# has a quarter of an hour.
CI = "CI" in os.environ
settings.register_profile("tiler", deadline=None, max_examples=40 if CI else 80, derandomize=CI)
settings.load_profile("tiler")


@pytest.fixture(autouse=True)
def decoders_at_home(request, monkeypatch):
    """Decode in the process of the test, where starting one for each file would take most of the time of all tests.

    Every program that a test starts, and test_isolated, starts them as they are.
    """
    if not request.module.__name__.endswith("test_isolated"):
        monkeypatch.setattr(
            isolated, "open_file", lambda reader, path, most, _: import_module(reader).open_file(path, most)
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the notebooks, which take longest: no process then waits at the end for the one that runs them."""
    items.sort(key=lambda item: "test_notebooks" not in item.nodeid)
