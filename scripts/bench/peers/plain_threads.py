"""The limit: the tiles that `tiler matte --route dense --network-levels all` shows the network, by plain threads.

The picture is read and halved as tiler does it, and the same session answers the views of the small picture and every
tile of every level. What tiler makes of the answers is left out: no fusion, no blending. The result is a grey of zeros.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import tifffile

from scenes import opened
from tiler.core.geometry import Box
from tiler.engine.answer import view_answer, views_at
from tiler.image.colour import to_network
from tiler.memory import set_up_malloc
from tiler.model.session import open_session
from tiler.progress import Silent
from tiler.settings import Settings


def main(picture: str, output: str) -> None:
    """Show every tile of `picture` to the network."""
    set_up_malloc()
    settings = Settings.of()
    with (
        closing(open_session(settings.compute, Silent())) as session,
        opened(Path(picture), session, settings) as image,
        ThreadPoolExecutor(settings.compute.thread_count) as pool,
    ):
        scene = image.scene()
        *above, base = image.plan.levels

        def tile(level: int, box: Box) -> None:
            session.alpha(to_network(image.pyramid.read(level, box)))

        tasks: list[Callable[[], object]] = [
            partial(view_answer, scene, base, base.read(*at), view)
            for at in base.tiles
            for view in views_at(scene, base)
        ]
        tasks += [partial(tile, level.index, level.read(*at)) for level in reversed(above) for at in level.tiles]
        for done in [pool.submit(task) for task in tasks]:
            done.result()
    tifffile.imwrite(output, np.zeros(image.plan.shapes[0], np.uint8), tile=(512, 512), compression="zlib")


if __name__ == "__main__":
    main(*sys.argv[1:])
