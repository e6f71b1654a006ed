from dataclasses import replace

import numpy as np

from tests.snapshots import a_snapshot
from tiler.core.compositing import over, srgb_curve
from tiler.inspect.laid import front, laid


def test_the_old_background_is_gone_from_the_edge():
    snapshot = a_snapshot()
    alpha = snapshot.matte.astype(np.uint16) * np.uint16(257)
    red, green = (
        np.broadcast_to(np.array(one, np.uint8), snapshot.picture.shape) for one in ((200, 30, 20), (0, 177, 64))
    )
    mixed = replace(snapshot, picture=over(red, green, alpha))
    found = front(mixed)
    assert np.abs(found[alpha > 20000].astype(int) - (200, 30, 20)).max() <= 3
    assert (found[alpha == 0] == 128).all()
    np.testing.assert_allclose(
        laid(mixed, found, "white")[alpha > 20000],
        over(red, np.full_like(red, 255), alpha, srgb_curve())[alpha > 20000],
        atol=3,
    )


def test_a_picture_covers_the_frame():
    snapshot = a_snapshot()
    got = laid(snapshot, front(snapshot), np.full((7, 900, 3), (10, 20, 30), np.uint8))
    assert got.shape == snapshot.picture.shape
    assert got[0, 0].tolist() == [10, 20, 30]
