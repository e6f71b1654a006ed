"""What the laws range over: every side from 1 pixel up, every tile and overlap, with and without a join."""

from hypothesis import strategies as st

from tiler.core.geometry import Axis
from tiler.core.plan import make_plan

BOTH = st.booleans()


@st.composite
def axes(draw, wraps=BOTH, most_px=200):
    tile_px = draw(st.integers(1, 40))
    overlap_px = draw(st.integers(0, tile_px // 2))
    return Axis.tiled(draw(st.integers(1, most_px)), tile_px, overlap_px, wraps=draw(wraps))


@st.composite
def plans(draw, most_px=60, wraps=BOTH):
    tile_px = draw(st.integers(5, 24))
    return make_plan(
        (draw(st.integers(1, most_px)), draw(st.integers(1, most_px))),
        guide_px=draw(st.integers(4, 24)),
        tile_px=tile_px,
        overlap_px=draw(st.integers(0, tile_px // 2)),
        wraps=draw(wraps),
    )
