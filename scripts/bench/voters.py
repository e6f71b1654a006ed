#!/usr/bin/env python
"""Score other networks beside MODNet: as the guide in its place, and as one more voter beside its views.

  shrink         the default network asked once, at the working size of the guide, and enlarged
  views          the default network in all its views, and its tiles, as in a run but without closer looks
  NAME guide     the network NAME makes the guide; it is a guide, so colours alone sharpen it
  NAME voter     as `views`, with one more answer to the whole picture, that of NAME at its own size

The figures are those of `scripts/bench/score.py`.

    python scripts/bench/voters.py FOLDER [FOLDER ...] --voters u2netp isnet --json voters.json
"""

import json
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import tiler
from scenes import Alpha, Figures, Opened, figures_by_picture, opened, parser, pictures_in, read_truth, settings_of
from score import FIRST, alpha_by, scores, solved, table
from tiler.core.geometry import Box
from tiler.core.plan import Level
from tiler.engine import base
from tiler.engine.answer import view_answer
from tiler.engine.scene import Scene, for_network
from tiler.model.network import Network
from tiler.model.session import Session, open_session
from tiler.model.views import View
from tiler.progress import Silent


@dataclass(frozen=True, slots=True)
class Vote(View):
    """The whole picture shown to another network."""

    network: Network


def main() -> int:
    """Score, print a table, write JSON."""
    options = parser(__doc__)
    options.add_argument("folders", nargs="+", type=Path)
    options.add_argument("--voters", nargs="+", required=True, help="networks, as for --model")
    options.add_argument("--first", type=int, help="the first so many pictures of each folder alone")
    options.add_argument("--json", type=Path, help="write every figure of every picture here")
    chosen = options.parse_args()
    settings = settings_of(chosen, alpha_only=True, bits=16)
    pictures = [path for folder in chosen.folders for path in pictures_in([folder])[: chosen.first]]
    with ExitStack() as stack:

        def open_one(name: str) -> Session:
            compute = replace(settings.compute, model=name)
            return stack.enter_context(closing(open_session(compute, Silent())))

        network, voters = open_one(chosen.model), {name: open_one(name) for name in chosen.voters}

        def measure(path: Path) -> Figures:
            truth, found = read_truth(path), {}
            with opened(path, network, settings) as picture:
                found[FIRST] = alpha_by(FIRST, path, picture, truth, settings, network)
                found["views"] = by_views(picture, "views")
                for name, voter in voters.items():
                    own = settings.with_options(model=name)
                    found[f"{name} guide"] = alpha_by("tiler", path, picture, truth, own, voter)
                    found[f"{name} voter"] = by_views(picture, f"{name} voter", voter)
            return {way: scores(alpha, truth) for way, alpha in found.items()}

        results = figures_by_picture(pictures, measure)
    print(table(results))
    if chosen.json:
        chosen.json.write_text(json.dumps({"settings": vars(chosen), "pictures": results}, indent=2, default=str))
    return 0


def by_views(picture: Opened, way: str, voter: Network | None = None) -> Alpha:
    """Return the alpha that the views of the network come to, with that of a `voter` if there is one."""
    card = picture.network.card
    scene = replace(for_network(picture.scene(way), card, tiler.Settings().matting), looks=None)
    if voter is not None:
        vote = Vote(voter.card.guide_px / card.guide_px, mirrored=False, network=voter)
        scene = replace(scene, views=(*scene.views, vote))
    with patch.object(base, "view_answer", _answered):
        return solved(scene)


def _answered(scene: Scene, level: Level, box: Box, view: View) -> Alpha:
    """Return the answer of the network whose view it is."""
    asked = replace(scene, network=view.network) if isinstance(view, Vote) else scene
    return view_answer(asked, level, box, view)


if __name__ == "__main__":
    sys.exit(main())
