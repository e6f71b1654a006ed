"""A panorama has no first column: turned and then matted it is its matte turned, from file to file.

Exactly so where every level turns by whole tiles of one size, and each pixel of a level is a whole number of pixels of
the one above: here 768 x 128 px, levels of 1, 1/2 and 1/4, blocks of 48 px of their own at each.
"""

import numpy as np
import pytest
import tifffile
from scipy import ndimage

import tiler
from tests.fakes import ColourKey
from tests.test_run import Fake
from tiler import subject
from tiler.model.card import find_card
from tiler.recipe import plan_for

SIZES = {"guide_px": 32, "tile_px": 64, "overlap_px": 16, "threads": 2}
SHAPE = (128, 768)
# A tile of the base, in pixels of the picture.
TURN_PX = 192
# Where people stand, as shares of the width; the first stands across the join.
PEOPLE = (0.0, 0.25, 0.5, 0.75)


class Local(Fake):
    """A network that looks at a pixel and its neighbours: alpha of colours, a little blurred."""

    def alpha(self, rgb):
        return ndimage.uniform_filter(ColourKey().alpha(rgb), 3, mode="nearest")


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(subject, "open_session", lambda *_: Fake())


def panorama(shape=SHAPE, dtype=np.uint8):
    """Return people-like discs with rough edges on rough ground, one across the join, as (h, w, 3)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    random = np.random.default_rng(3)
    rough = ndimage.gaussian_filter(random.standard_normal(shape), 2, mode="wrap") * 4
    red = np.zeros(shape)
    for centre in PEOPLE:
        off = (x - centre * shape[1] + shape[1] / 2) % shape[1] - shape[1] / 2
        red = np.maximum(red, np.clip((shape[0] / 3 - np.hypot(y - shape[0] / 2, off)) / 6 + rough, 0, 1))
    ground = 60 * random.random(shape)
    return (np.stack([255 * red, 255 - 255 * red, ground], axis=-1) * (np.iinfo(dtype).max // 255)).astype(dtype)


def matted(tmp_path, pixels, **options):
    """Return the alpha (h, w), uint16, of a picture that went through a file."""
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric="rgb", tile=(64, 64), compression="zlib", metadata=None)
    settings = tiler.Settings.of(alpha_only=True, bits=16, fresh=True, **{**SIZES, "wrap": True, **options})
    tiler.matte(tmp_path / "in.tif", tmp_path / "out.tif", settings)
    return tifffile.imread(tmp_path / "out.tif").astype(int)


def turned(pixels, by_px):
    return np.roll(pixels, by_px, axis=1)


def test_the_levels_here_are_what_the_law_asks_for():
    plan = plan_for(
        SHAPE,
        find_card("modnet"),
        tiler.MattingOptions(**{name: SIZES[name] for name in ("guide_px", "tile_px", "overlap_px")}),
        wraps=True,
    )
    assert plan.shapes == ((128, 768), (64, 384), (32, 192))
    for level in plan.levels:
        assert level.cols.wraps
        assert level.cols.size == level.cols.count * level.cols.block_px
        assert (TURN_PX >> level.index) % level.cols.block_px == 0


@pytest.mark.parametrize(
    ("dtype", "turns", "options"),
    [(np.uint8, 1, {}), (np.uint16, 3, {"route": "dense"}), (np.uint8, 2, {"dense_levels": 1})],
)
def test_turned_by_whole_tiles_the_matte_turns_exactly(tmp_path, monkeypatch, dtype, turns, options):
    monkeypatch.setattr(subject, "open_session", lambda *_: Local())
    pixels = panorama(dtype=dtype)
    alpha = matted(tmp_path, pixels, **options)
    found = matted(tmp_path, turned(pixels, turns * TURN_PX), **options)
    np.testing.assert_array_equal(found, turned(alpha, turns * TURN_PX))
    assert 0.1 < alpha.mean() / 65535 < 0.6
    assert ((alpha > 2000) & (alpha < 63000)).mean() > 0.01


def test_turned_by_any_amount_it_is_nearly_so_wherever_the_join_is(tmp_path):
    pixels = panorama()
    # First the join cuts a person, then ground: what a turn changes is the same to the last bit.
    off = [change_by_a_turn(tmp_path, turned(pixels, first), 333) for first in (0, TURN_PX // 2)]
    assert 0 < np.abs(off[0]).mean() / 65535 < 0.003
    np.testing.assert_array_equal(off[1], turned(off[0], TURN_PX // 2))


def test_sizes_that_no_tile_divides_are_nearly_so_too(tmp_path):
    off = change_by_a_turn(tmp_path, panorama((131, 771)), 250)
    assert 0 < np.abs(off).mean() / 65535 < 0.005


def change_by_a_turn(tmp_path, pixels, by_px):
    """Return the matte of the turned picture, turned back, less that of the picture."""
    return turned(matted(tmp_path, turned(pixels, by_px)), -by_px) - matted(tmp_path, pixels)


def test_without_wrapping_the_turned_matte_is_another(tmp_path):
    pixels = panorama()
    alpha, found = (matted(tmp_path, turned(pixels, by_px), wrap=False) for by_px in (0, TURN_PX))
    assert np.abs(found - turned(alpha, TURN_PX)).max() > 650
