"""A recipe to change parts of."""

from tiler.core.plan import make_plan
from tiler.model.card import find_card
from tiler.recipe import Recipe
from tiler.settings import MattingOptions


def a_recipe(**parts):
    defaults = {
        "source_sha256": "a" * 64,
        "card": find_card("modnet"),
        "graph_sha256": "b" * 64,
        "precision": "f32",
        "device": "cpu",
        "plan": make_plan((900, 1200), guide_px=128, tile_px=256, overlap_px=64),
        "matting": MattingOptions(),
        "versions": (("numpy", "2.2"), ("tiler-matting", "0.1.0")),
    }
    return Recipe(**{**defaults, **parts})
