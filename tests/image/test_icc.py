import struct
from pathlib import Path

import numpy as np
import pytest

from tests.image.pictures import SRGB, noise
from tiler.core.compositing import POINTS, srgb_curve
from tiler.errors import InputError
from tiler.image import icc

X = np.linspace(0, 1, POINTS)


def test_the_curve_of_srgb_is_found_in_its_profile():
    np.testing.assert_allclose(icc.curve_of(SRGB).light, srgb_curve().light, atol=1e-4)
    np.testing.assert_array_equal(icc.curve_of(None).light, srgb_curve().light)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"curv" + bytes(8), X),
        (b"curv" + bytes(4) + struct.pack(">IH", 1, 512), X**2),
        (b"curv" + bytes(4) + struct.pack(">I3H", 3, 0, 16384, 65535), np.interp(X, [0, 0.5, 1], [0, 0.25, 1])),
        (b"para" + bytes(4) + struct.pack(">HHi", 0, 0, 3 << 16), X**3),
        (b"para" + bytes(4) + struct.pack(">HH5i", 3, 0, 2 << 16, 1 << 16, 0, 1 << 15, 1 << 15), None),
    ],
)
def test_curves_of_every_kind_are_read(data, wanted):
    found = icc._curve(data)
    wanted = np.where(X >= 0.5, X**2, X / 2) if wanted is None else wanted
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("data", [b"", b"junk" * 40, SRGB[:200], SRGB.replace(b"rTRC", b"xxxx")])
def test_a_profile_without_sound_curves_has_none(data):
    assert icc.curve_of(data or b"x") is None


def test_samples_stay_in_the_same_profile_up_to_rounding():
    pixels = noise((40, 50, 3), np.uint16)
    found = icc.converted(pixels, None, SRGB, Path("picture.tif"))
    assert np.abs(found.astype(int) - pixels).max() <= 100


@pytest.mark.parametrize("profiles", [(b"junk", SRGB), (SRGB, b"junk" * 40), (SRGB[:200], None)])
def test_what_is_no_profile_is_said(profiles):
    with pytest.raises(InputError, match=r"picture\.tif"):
        icc.converted(noise((4, 5, 3), np.uint8), *profiles, Path("picture.tif"))
