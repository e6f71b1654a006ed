"""A folder that pictures arrive in: each is given once it keeps still."""

import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tiler.batch.items import Item

# How often a watched folder is looked at. A file that has not changed from one look to the next is whole.
LOOK_EVERY_S = 2.0
# What makes a path another one than it was: its item, and of a file its size and its time of change.
State = tuple[Item, int, int]


def watch(
    find: Callable[[], Sequence[Item]], pause: Callable[[float], None] = time.sleep
) -> Iterator[tuple[Item, ...]]:
    """Yield, for ever, the paths that are new or changed since they were last given, once they keep still.

    One keeps still if size and time of change are the same in two looks, `LOOK_EVERY_S` seconds apart.
    """
    given: dict[Path, State] = {}
    before: dict[Path, State] = {}
    while True:
        now = {item.source: state for item in find() if (state := _state(item)) is not None}
        ready = [path for path, state in now.items() if before.get(path) == state and given.get(path) != state]
        given.update((path, now[path]) for path in ready)
        before = now
        if ready:
            yield tuple(now[path][0] for path in ready)
        pause(LOOK_EVERY_S)


def _state(item: Item) -> State | None:
    """Return the state of an item; None if it is gone. Folders, pipes and links that lead nowhere do not change."""
    try:
        status = item.source.stat()
    except OSError:
        return (item, 0, 0) if item.source.is_symlink() else None
    return (item, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else (item, 0, 0)
