import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import RecordedProgress
from tests.image.pictures import boxes, noise, soft_disc
from tiler.core.compositing import srgb_curve
from tiler.core.geometry import Box
from tiler.core.light import Light
from tiler.image import columns
from tiler.image.layers.background import OneColour
from tiler.image.layers.relit import Amounts, Lit, relit
from tiler.progress import Silent

SHAPE = (120, 150)
ALPHA = soft_disc(SHAPE)
LIGHT = Light(srgb_curve(), np.dtype(np.uint8))


class Noise:
    pixels = noise((*SHAPE, 3), np.uint8, seed=5)

    def read(self, box):
        return self.pixels[box.slices]


def lit(behind=None, value=60, alpha=ALPHA):
    pixels = np.full((*SHAPE, 3), value, np.uint8)
    return Lit(SHAPE, lambda box: (pixels[box.slices], alpha[box.slices]), behind or Noise(), LIGHT)


def whole(lit, amounts, tmp_path):
    with relit(lit, amounts, tmp_path, Silent()) as read:
        return read(Box.whole(SHAPE))[0].astype(int)


@settings(max_examples=15)
@given(st.data(), st.sampled_from([Amounts(wrap=0.7), Amounts(match=0.5), Amounts(0.4, 0.6)]))
def test_a_box_is_a_part_of_the_whole(tmp_path_factory, data, amounts):
    box = data.draw(boxes(SHAPE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "BLOCK_PX", 37)
        with relit(lit(), amounts, tmp_path_factory.mktemp("scratch"), Silent()) as read:
            for one, other in zip(read(box), read(Box.whole(SHAPE)), strict=True):
                np.testing.assert_array_equal(one, other[box.slices])


def test_light_comes_around_the_edge_and_no_further(tmp_path):
    got = whole(lit(OneColour(np.array([255, 200, 60], np.uint8))), Amounts(wrap=1), tmp_path)
    edge, deep = (ALPHA > 40000) & (ALPHA < 65535), (60, 75)
    assert (got[edge][:, 0] > 62).all()
    assert got[deep].tolist() == [60, 60, 60]
    assert (got[ALPHA == 0] == 60).all()
    assert (got >= 60).all()


def test_the_subject_moves_towards_the_background_the_edge_first(tmp_path):
    blue = OneColour(np.array([40, 60, 200], np.uint8))
    half, more = (whole(lit(blue, 120), Amounts(match=match), tmp_path) for match in (0.3, 0.9))
    inside, edge = (60, 75), tuple(np.argwhere((ALPHA > 60000) & (ALPHA < 65535))[0])
    for got in (half, more):
        assert got[edge][2] > got[inside][2] > 120
        assert (got[ALPHA == 0] == 120).all()
    assert more[inside][2] > half[inside][2]


@pytest.mark.parametrize("value", [0, 65535])
def test_where_one_of_the_two_is_not_seen_nothing_is_matched(tmp_path, value):
    got = whole(lit(alpha=np.full(SHAPE, value, np.uint16)), Amounts(match=1), tmp_path)
    assert (got == 60).all()


def test_stages_are_counted_and_nothing_is_left(tmp_path):
    progress = RecordedProgress()
    with relit(lit(), Amounts(1, 1), tmp_path, progress) as read:
        read(Box.whole(SHAPE))
    assert [name for name, _ in progress.stages] == ["light"]  # so small a picture needs no cells
    assert list(tmp_path.iterdir()) == []
