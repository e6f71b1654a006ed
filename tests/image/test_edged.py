import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.image.pictures import boxes, noise, soft_disc
from tiler.core.geometry import Box
from tiler.edge import edges_of
from tiler.image import edged as module
from tiler.image.edged import with_edges

SHAPE = (70, 90)
EDGES = edges_of(["shrink:2.5", "feather:1.5", "choke:0.1,0.9"])


def of(pixels, alpha, *, wraps=False, spread=True, threads=2, edges=EDGES):
    return with_edges(
        lambda box: (pixels[box.slices], alpha[box.slices]), SHAPE, edges, threads, wraps=wraps, spread=spread
    )


@given(st.data(), st.booleans(), st.integers(5, 40))
def test_boxes_blocks_and_threads_change_nothing(data, wraps, block_px):
    pixels, alpha = noise((*SHAPE, 3), np.uint8), np.roll(soft_disc(SHAPE), 40, axis=1)
    box = data.draw(boxes(SHAPE))
    whole = of(pixels, alpha, wraps=wraps, threads=1)(Box.whole(SHAPE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_PX", block_px)
        part = of(pixels, alpha, wraps=wraps)(box)
    for one, other in zip(part, whole, strict=True):
        np.testing.assert_array_equal(one, other[box.slices])


@pytest.mark.parametrize("turn", [1, 44, 89])
@pytest.mark.parametrize("edges", [EDGES, edges_of(["feather:31"])])  # the second reaches around the whole picture
def test_where_the_ends_meet_a_turned_picture_is_a_turned_result(turn, edges):
    pixels, alpha = noise((*SHAPE, 3), np.uint8), soft_disc(SHAPE)
    turned = of(np.roll(pixels, turn, axis=1), np.roll(alpha, turn, axis=1), wraps=True, edges=edges)
    straight = of(pixels, alpha, wraps=True, edges=edges)
    for one, other in zip(turned(Box.whole(SHAPE)), straight(Box.whole(SHAPE)), strict=True):
        np.testing.assert_array_equal(one, np.roll(other, turn, axis=1))


def test_the_alpha_alone_may_be_changed():
    _, alpha = of(noise((*SHAPE, 3), np.uint8), soft_disc(SHAPE))(Box.whole(SHAPE))
    none, alone = of(np.empty((*SHAPE, 0), np.uint8), soft_disc(SHAPE))(Box.whole(SHAPE))
    assert none.shape == (*SHAPE, 0)
    np.testing.assert_array_equal(alone, alpha)
