#!/usr/bin/env python
"""Measure how much of what a matte gets wrong lies where the report says that a person should look.

A pixel is wrong where its alpha is off by more than .2. Printed for each picture: the share of it that is wrong; the
share of the wrong pixels that lie in the most doubtful 5 % of the base, and in the rectangles of `look_here`; and how
much of the picture those rectangles take.

    python scripts/bench/doubt.py FOLDER [FOLDER ...]
"""

import sys
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from scenes import Figures, figures_by_picture, opened, parser, pictures_in, read_truth, settings_of
from tiler.core.doubt import doubt, doubtful, places
from tiler.core.geometry import Box
from tiler.engine.graph import on_threads
from tiler.engine.scene import for_network
from tiler.engine.solve import solve
from tiler.model.session import open_session
from tiler.progress import Silent
from tiler.settings import default_threads

WRONG = 0.2


def main() -> int:
    """Measure and print a table."""
    options = parser(__doc__, "guide-px", "network-levels")
    options.add_argument("folders", nargs="+", type=Path)
    chosen = options.parse_args()
    settings = settings_of(chosen)
    with closing(open_session(settings.compute, Silent())) as network:

        def measure(path: Path) -> Figures:
            with opened(path, network, settings) as picture:
                scene = for_network(picture.scene(), network.card, settings.matting)
                solve(scene, on_threads(default_threads()))
                base, full = (Box.whole(picture.plan.shapes[k]) for k in (-1, 0))
                wrong = np.abs(scene.canvas.alpha(0, full) - read_truth(path)) > WRONG
                doubts = doubt(scene.canvas.alpha(len(picture.plan.shapes) - 1, base), scene.canvas.spread(base))
            worst = np.asarray(Image.fromarray(doubtful(doubts)).resize(full.shape[::-1], Image.Resampling.NEAREST))
            shown = np.zeros(full.shape, bool)
            for place in places(doubts, full.shape):
                shown[place.top : place.top + place.height, place.left : place.left + place.width] = True
            found = {
                "wrong": wrong.mean(),
                "of it in the worst 5 %": wrong[worst].sum() / max(wrong.sum(), 1),
                "in look_here": wrong[shown].sum() / max(wrong.sum(), 1),
                "look_here": shown.mean(),
            }
            return {"": {name: float(figure) for name, figure in found.items()}}

        print(table(figures_by_picture(pictures_in(chosen.folders), measure)))
    return 0


def table(results: dict[str, Figures]) -> str:
    """Return the figures of each picture and their means."""
    rows = {Path(path).stem: figures[""] for path, figures in results.items()}
    names = list(next(iter(rows.values())))
    rows["mean"] = {name: float(np.mean([row[name] for row in rows.values()])) for name in names}
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {picture} | {' | '.join(f'{row[name]:.3f}' for name in names)} |" for picture, row in rows.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
