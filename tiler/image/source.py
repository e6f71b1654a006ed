"""The door to a picture: what it is, and any window of it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tiler.geometry import Box

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Metadata:
    """What travels with the pixels: `icc` the profile as stored, `dpi` (horizontal, vertical) in pixels per inch."""

    icc: bytes | None = None
    dpi: tuple[float, float] | None = None


class Source(Protocol):
    """A picture on disk, read window by window with bounded memory.

    shape: (height, width) in pixels. dtype: uint8 or uint16, full range. metadata: see `Metadata`.
    random_access: False if `read` must be asked for bands of rows from top to bottom, each row once.
    """

    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]: ...
    @property
    def metadata(self) -> Metadata: ...
    @property
    def random_access(self) -> bool: ...

    def read(self, box: Box) -> Pixels:
        """Return the (h, w, 3) RGB pixels of `box`, which lies inside the picture. Safe from any thread."""

    def close(self) -> None: ...
