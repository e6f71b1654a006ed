import struct
from contextlib import closing

import numpy as np
import pytest

from tiler.core.geometry import Box
from tiler.errors import InputError
from tiler.image.open import open_source

openexr = pytest.importorskip("OpenEXR")
# ACES AP0 (SMPTE ST 2065-1).
WIDE = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
REC_709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


def metadata(path, **header):
    pixels = np.zeros((8, 9, 3), np.float16)
    plain = {"type": openexr.scanlineimage, "compression": openexr.ZIP_COMPRESSION}
    with openexr.File(plain | header, {"RGB": pixels}) as file:
        file.write(str(path))
    with closing(open_source(path)) as source:
        return source.metadata


def test_the_resolution_is_kept(tmp_path):
    assert metadata(tmp_path / "picture").dpi is None
    assert metadata(tmp_path / "picture", xDensity=300.0).dpi == (300, 300)
    assert metadata(tmp_path / "picture", xDensity=300.0, pixelAspectRatio=2.0).dpi == (300, 600)


def test_other_primaries_are_noted(tmp_path):
    assert metadata(tmp_path / "picture", chromaticities=REC_709).notes == ()
    assert "primaries" in metadata(tmp_path / "picture", chromaticities=WIDE).notes[0]


PLAIN = {"type": openexr.scanlineimage, "compression": openexr.ZIP_COMPRESSION}


def read(path):
    with closing(open_source(path)) as source:
        return source, source.read(Box.whole(source.shape)).copy()


def window(top, left, height, width):
    return (np.array([left, top], np.int32), np.array([left + width - 1, top + height - 1], np.int32))


def luminance_chroma(path, y, ry, by):
    """Write an OpenEXR without compression (OpenEXR File Layout), whose chroma is of half size."""

    def attribute(name, kind, value):
        return name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value

    height, width = y.shape
    channels = b"".join(
        name + b"\0" + struct.pack("<iiii", 2, 0, step, step) for name, step in ((b"BY", 2), (b"RY", 2), (b"Y", 1))
    )
    box = struct.pack("<4i", 0, 0, width - 1, height - 1)
    head = b"v/1\x01" + struct.pack("<i", 2)
    head += attribute(b"channels", b"chlist", channels + b"\0") + attribute(b"compression", b"compression", b"\0")
    head += attribute(b"dataWindow", b"box2i", box) + attribute(b"displayWindow", b"box2i", box)
    head += attribute(b"lineOrder", b"lineOrder", b"\0") + attribute(
        b"pixelAspectRatio", b"float", struct.pack("<f", 1)
    )
    head += (
        attribute(b"screenWindowCenter", b"v2f", bytes(8)) + attribute(b"screenWindowWidth", b"float", bytes(4)) + b"\0"
    )
    lines, offsets, at = [], [], len(head) + 8 * height
    for row in range(height):
        chroma = by[row // 2].tobytes() + ry[row // 2].tobytes() if row % 2 == 0 else b""
        data = chroma + y[row].tobytes()
        offsets.append(at)
        lines.append(struct.pack("<ii", row, len(data)) + data)
        at += len(lines[-1])
    path.write_bytes(head + struct.pack(f"<{height}Q", *offsets) + b"".join(lines))


def test_luminance_and_chroma_are_read_as_colours(tmp_path):
    y = np.full((40, 60), 0.5, np.float32)
    ry, by = np.full((20, 30), 0.4, np.float32), np.full((20, 30), -0.2, np.float32)
    luminance_chroma(tmp_path / "picture", y, ry, by)
    source, pixels = read(tmp_path / "picture")
    assert source.colour == "rgb"
    np.testing.assert_allclose(pixels[..., 0], 0.7, atol=1e-4)
    np.testing.assert_allclose(pixels[..., 2], 0.4, atol=1e-4)
    np.testing.assert_allclose(pixels @ [0.2126, 0.7152, 0.0722], 0.5, atol=1e-3)


@pytest.mark.parametrize("samples", [3, 4])
def test_pixels_lie_where_the_display_window_has_them(tmp_path, samples):
    stored = np.random.default_rng(0).random((8, 9, samples)).astype(np.float32)
    if samples == 4:
        stored[..., 3] = 1
    header = PLAIN | {"dataWindow": window(3, 5, 8, 9), "displayWindow": window(0, 0, 10, 40)}
    with openexr.File(header, {"RGBA"[:samples]: stored}) as file:
        file.write(str(tmp_path / "picture"))
    source, pixels = read(tmp_path / "picture")
    wanted = np.zeros((10, 40, samples), np.float32)
    wanted[3:, 5:14] = stored[:7]
    np.testing.assert_array_equal(pixels, wanted)
    assert "the display window is read" in source.metadata.notes[0]


def test_pixels_outside_the_display_window_altogether_are_refused(tmp_path):
    header = PLAIN | {"dataWindow": window(30, 5, 8, 9), "displayWindow": window(0, 0, 10, 40)}
    with openexr.File(header, {"RGB": np.zeros((8, 9, 3), np.float32)}) as file:
        file.write(str(tmp_path / "picture"))
    with pytest.raises(InputError, match="outside its display window"):
        open_source(tmp_path / "picture")


def test_colours_that_are_multiplied_by_an_alpha_are_divided_by_it(tmp_path):
    colours = np.random.default_rng(0).random((8, 9, 3)).astype(np.float32)
    alpha = np.linspace(0.25, 1, 72, dtype=np.float32).reshape(8, 9, 1)
    alpha[0] = 0
    stored = np.dstack([colours * alpha, alpha])
    with openexr.File(PLAIN, {"RGBA": stored}) as file:
        file.write(str(tmp_path / "picture"))
    source, pixels = read(tmp_path / "picture")
    assert source.has_alpha
    np.testing.assert_array_equal(pixels[..., 3], alpha[..., 0])
    np.testing.assert_allclose(pixels[1:, :, :3], colours[1:], rtol=1e-6)
    assert not pixels[0].any()
