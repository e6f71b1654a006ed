"""ICC profiles of RGB: how their samples mean light, and samples of one in another (ICC.1:2022)."""

import struct
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms

from tiler.core.compositing import POINTS, Curve, srgb_curve
from tiler.errors import InputError
from tiler.image.colour import profile_colour

SRGB = ImageCms.createProfile("sRGB")
HEADER_BYTES = 128
TAGS = (b"rTRC", b"gTRC", b"bTRC")
# The kinds of parametric curves by their number of parameters (ICC.1, 10.18).
PARAMETERS = (1, 3, 4, 5, 7)


def curve_of(icc: bytes | None) -> Curve | None:
    """Return the curves of an RGB profile, of sRGB if there is none; None if the profile states none that are sound."""
    if not icc:
        return srgb_curve()
    try:
        tags = {
            struct.unpack_from(">4s", icc, at)[0]: struct.unpack_from(">II", icc, at + 4)
            for at in range(HEADER_BYTES + 4, HEADER_BYTES + 4 + 12 * _long(icc, HEADER_BYTES), 12)
        }
        light = np.stack([_curve(icc[start:][:size]) for start, size in map(tags.__getitem__, TAGS)])
    except (struct.error, LookupError, ValueError):
        return None
    rises = np.isfinite(light).all() and (np.diff(light) >= 0).all() and (light[:, -1] > light[:, 0]).all()
    return Curve(light) if profile_colour(icc) == "rgb" and rises else None


def _curve(data: bytes) -> NDArray[np.float64]:
    """Return a curve at `POINTS` equal steps from 0 to 1; raises ValueError, struct.error or LookupError."""
    x = np.linspace(0, 1, POINTS)
    if data[:4] == b"para":
        (kind,) = struct.unpack_from(">H", data, 8)
        count = PARAMETERS[kind]
        return _parametric(x, kind, [n / 65536 for n in struct.unpack_from(f">{count}i", data, 12)])
    if data[:4] != b"curv":
        raise ValueError(data[:4])
    count = _long(data, 8)
    if count == 0:
        return x
    if count == 1:
        return np.asarray(x ** (struct.unpack_from(">H", data, 12)[0] / 256))
    values = np.array(struct.unpack_from(f">{count}H", data, 12)) / 65535
    return np.asarray(np.interp(x, np.linspace(0, 1, count), values))


def _parametric(x: NDArray[np.float64], kind: int, numbers: list[float]) -> NDArray[np.float64]:
    g, a, b, c, d, e, f = (*numbers, *[0.0] * (7 - len(numbers)))
    if kind == 0:
        return np.asarray(x**g)
    if kind < 3:
        return np.where(x >= -b / a, np.maximum(a * x + b, 0) ** g, 0) + (c if kind == 2 else 0)
    return np.where(x >= d, np.maximum(a * x + b, 0) ** g + (e if kind == 4 else 0), c * x + (f if kind == 4 else 0))


def _long(data: bytes, at: int) -> int:
    return int(struct.unpack_from(">I", data, at)[0])


def converted(pixels: NDArray[Any], own: bytes | None, wanted: bytes | None, path: Path) -> NDArray[np.uint16]:
    """Return (h, w, 3) uint8 or uint16 pixels of the RGB profile `own` as uint16 of the profile `wanted`.

    None is sRGB. Colours that `wanted` cannot show are cut, and white stays white. path: the file of the pixels. Raises
    InputError if one of the two is no sound RGB profile.
    """
    import pyvips

    trouble = InputError(
        f"{path}: its colours cannot be converted from profile to profile.",
        "Convert it to sRGB in another program, and see that the cutout has a sound profile, or none.",
    )
    if not all(icc is None or _is_sound(icc) for icc in (own, wanted)):
        raise trouble
    wide = pixels.astype(np.uint16) * np.uint16(257) if pixels.dtype == np.uint8 else pixels
    image = pyvips.Image.new_from_array(np.ascontiguousarray(wide), interpretation="rgb16")
    with TemporaryDirectory() as folder:
        names = [_on_disk(icc, Path(folder, f"{k}.icc")) for k, icc in enumerate((own, wanted))]
        try:
            done = image.icc_transform(
                names[1], input_profile=names[0], depth=16, intent="relative", black_point_compensation=True
            )
            return np.asarray(done.numpy(), np.uint16)
        except pyvips.Error as error:
            raise trouble from error


def _is_sound(icc: bytes) -> bool:
    """Return whether colours can be converted by an RGB profile; libvips would do without one that is not sound."""
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        for own, wanted in ((profile, SRGB), (SRGB, profile)):
            ImageCms.buildTransform(own, wanted, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    except (ImageCms.PyCMSError, OSError):
        return False
    return profile_colour(icc) == "rgb"


def _on_disk(icc: bytes | None, path: Path) -> str:
    if icc is None:
        return "srgb"
    path.write_bytes(icc)
    return str(path)
