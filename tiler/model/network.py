"""The door to a matting network: pixels in, alpha out."""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tiler.model.card import ModelCard

UsedPrecision = Literal["f32", "bf16"]
# "cpu", "gpu", or the name of another provider of onnxruntime.
Device = str


class Network(Protocol):
    """A matting network that any thread may call.

    card: what it is and what it likes. `alpha` never looks at anything but its arguments.
    """

    @property
    def card(self) -> ModelCard: ...

    def alpha(self, rgb: NDArray[np.float32], hint: NDArray[np.float32] | None = None, /) -> NDArray[np.float32]:
        """Return the (h, w) alpha, 0..1, of (h, w, 3) RGB pixels, 0..255; any size from 1x1 up.

        hint: the trimap, (h, w): 0 = background, 0.5 = not known, 1 = foreground. Given to networks whose card has
        one; others do not look at it.
        """
