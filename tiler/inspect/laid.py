"""The small picture of a snapshot, cut out and laid over backgrounds, in the foreground's own colours."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageOps

from tiler.core.compositing import over, srgb_curve
from tiler.core.geometry import Box
from tiler.image.clean_colours import with_clean_colours
from tiler.inspect.snapshot import Snapshot, Uint8
from tiler.progress import Silent


def front(snapshot: Snapshot) -> Uint8:
    """Return the colours of the foreground, (h, w, 3) uint8; where nothing of it is seen, grey."""
    alpha = _steps(snapshot)
    read = with_clean_colours(
        lambda box: (snapshot.picture[box.slices], alpha[box.slices]), alpha.shape, np.dtype(np.uint8), 1, Silent()
    )
    clean: Uint8 = read(Box.whole(alpha.shape))[0].astype(np.uint8)
    clean[alpha == 0] = 128
    return clean


def laid(snapshot: Snapshot, foreground: Uint8, background: str | Uint8) -> Uint8:
    """Return the foreground over a background, (h, w, 3) uint8, mixed in linear light.

    foreground: of `front`. background: a colour, as its name in CSS or #rrggbb; or a picture, (h, w, 3) uint8, which is
    scaled until it covers the frame.
    """
    height, width = snapshot.matte.shape
    if isinstance(background, str):
        behind = np.broadcast_to(np.array(ImageColor.getrgb(background)[:3], np.uint8), foreground.shape)
    else:
        behind = np.asarray(ImageOps.fit(Image.fromarray(background), (width, height)))
    return np.asarray(over(foreground, behind, _steps(snapshot), srgb_curve()), np.uint8)


def _steps(snapshot: Snapshot) -> NDArray[np.uint16]:
    return snapshot.matte.astype(np.uint16) * np.uint16(257)
