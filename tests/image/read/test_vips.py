import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.image.pictures import SRGB, jpeg, noise, own, png16
from tiler.core.geometry import Box, Span
from tiler.image.open import open_source
from tiler.image.read import tiff

SHAPE = (67, 90)
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("vips") / "picture"


def read_all(path):
    with closing(open_source(path)) as source:
        return source.read(Box.whole(source.shape))


@given(
    st.sampled_from(["RGB", "RGBA", "L", "LA", "P", "1"]), st.integers(1, 60), st.integers(1, 60), st.integers(1, 25)
)
def test_a_png_in_bands_is_what_pillow_reads(path, mode, height, width, band_rows):
    Image.fromarray(noise((height, width, 3), np.uint8)).convert(mode).save(path, "PNG")
    with Image.open(path) as image:
        whole = own(np.asarray(image.convert({"P": "RGB", "1": "L"}.get(mode, mode))))
    with closing(open_source(path)) as source:
        assert (source.shape, source.dtype, source.random_access) == ((height, width), np.uint8, False)
        rows = [Span(start, min(start + band_rows, height)) for start in range(0, height, band_rows)]
        bands = [source.read(Box(span, Span(0, width))) for span in rows]
    np.testing.assert_array_equal(np.concatenate(bands), whole)


@pytest.mark.parametrize("samples", [3, 4])
def test_sixteen_bits_stay_sixteen(path, samples):
    pixels = noise((*SHAPE, samples), np.uint16)
    png16(path, pixels)
    np.testing.assert_array_equal(read_all(path), pixels)


def test_grey_of_sixteen_bits_stays_sixteen(path):
    pixels = noise(SHAPE, np.uint16)
    Image.fromarray(pixels).save(path, "PNG")
    np.testing.assert_array_equal(read_all(path), own(pixels))


def test_an_interlaced_png_is_read(path):
    pixels = noise((*SHAPE, 3), np.uint8)
    pyvips.Image.new_from_array(pixels).pngsave(str(path), interlace=True)
    np.testing.assert_array_equal(read_all(path), pixels)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_what_pillow_reads(path, mode, progressive):
    Image.fromarray(noise((*SHAPE, 3), np.uint8)).convert(mode).save(path, "JPEG", progressive=progressive)
    with Image.open(path) as image:
        np.testing.assert_array_equal(read_all(path), own(np.asarray(image)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_read_upright(path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    jpeg(path, noise((*SHAPE, 3), np.uint8), exif=exif, dpi=(100, 200))
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    with closing(open_source(path)) as source:
        assert source.shape == upright.shape[:2]
        assert source.metadata.dpi == pytest.approx((100, 200) if orientation < 5 else (200, 100))
        np.testing.assert_array_equal(source.read(Box.whole(source.shape)), upright)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_profile_and_resolution_are_kept(path, kind):
    Image.fromarray(noise((*SHAPE, 3), np.uint8)).save(path, kind, icc_profile=SRGB, dpi=(300, 240))
    with closing(open_source(path)) as source:
        assert source.metadata.icc == SRGB
        assert source.metadata.dpi == pytest.approx((300, 240), abs=0.02)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_no_resolution_is_made_up(path, kind):
    Image.fromarray(noise((*SHAPE, 3), np.uint8)).save(path, kind)
    with closing(open_source(path)) as source:
        assert (source.metadata.icc, source.metadata.dpi) == (None, None)


def test_cmyk_stays_cmyk_and_no_ink_is_zero(path):
    pixels = np.zeros((*SHAPE, 4), np.uint8)
    pixels[:, :40, 1] = 200
    Image.fromarray(pixels, "CMYK").save(path, "JPEG", quality=98)
    with closing(open_source(path)) as source:
        assert source.colour == "cmyk"
        assert np.abs(source.read(Box.whole(SHAPE))[:, :32].astype(int) - pixels[:, :32]).max() <= 4


def write_turned_tiff(path, pixels):
    """Write a TIFF in strips that lies on its side."""
    tifffile.imwrite(path, pixels, photometric="rgb", compression="lzw", extratags=[(274, 3, 1, 6, False)])


def write_turned_jpeg(path, pixels):
    exif = Image.Exif()
    exif[274] = 6
    jpeg(path, pixels, exif=exif)


LOSSLESS = {
    "PNG": lambda path, pixels: Image.fromarray(pixels).save(path, "PNG"),
    "WebP": lambda path, pixels: Image.fromarray(pixels).save(path, "WEBP", lossless=True),
}
OVERWRITTEN = LOSSLESS | {"JPEG": jpeg, "JPEG, turned": write_turned_jpeg, "TIFF, turned": write_turned_tiff}


@pytest.fixture
def with_vips_cache(monkeypatch):
    """The cache of libvips as a host program has it by default; turned TIFFs in strips go to libvips."""
    monkeypatch.setattr(tiff, "STRIPS_BYTES", 0)
    before = pyvips.vips_lib.vips_cache_get_max()
    pyvips.cache_set_max(100)
    yield
    pyvips.cache_set_max(before)


def expected(kind, pixels):
    """Return what a file of `kind` holds when it is read upright, and the most by which a sample may be off."""
    upright = np.rot90(pixels, -1) if "turned" in kind else pixels
    return upright, 0 if kind in LOSSLESS or "TIFF" in kind else 12


@pytest.mark.usefixtures("with_vips_cache")
@pytest.mark.parametrize("kind", OVERWRITTEN)
def test_a_file_that_was_overwritten_is_read_anew(tmp_path, kind):
    path = tmp_path / "picture"
    smooth = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    for pixels in (np.dstack([smooth] * 3), np.dstack([smooth + 100] * 3)):
        OVERWRITTEN[kind](path, pixels)
        wanted, most = expected(kind, pixels)
        assert np.abs(read_all(path).astype(int) - wanted).max() <= most


# Opens each picture that it is given, reads part of it, closes it, and prints which files in $TMPDIR are still open.
OPEN_AND_CLOSE = """
import os, sys
from contextlib import closing, suppress
from pathlib import Path
from tiler.core.geometry import Box, Span
from tiler.image.open import open_source
from tiler.image.read import tiff

tiff.STRIPS_BYTES = 0

def open_files():
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if str(entry.readlink()).startswith(os.environ["TMPDIR"]):
                yield str(entry.readlink())

opened = 0
for path in sys.argv[1:]:
    with closing(open_source(path)) as source:
        source.read(Box(Span(0, 10), Span(0, source.shape[1])))
        opened += len(list(open_files()))
    del source
    print(*open_files(), end="")
assert opened >= 3, "the pictures are smaller than what libvips reads of a file at once"
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not list open files")
def test_a_closed_source_keeps_no_file_open(tmp_path):
    """Neither the picture stays open nor the copy of a turned one, which libvips decodes to disk, here at any size."""
    for kind, write in OVERWRITTEN.items():
        write(tmp_path / kind, noise((900, 1200, 3), np.uint8))
    environment = os.environ | {"VIPS_DISC_THRESHOLD": "1k", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", OPEN_AND_CLOSE, *(str(tmp_path / kind) for kind in OVERWRITTEN)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("", "")


def test_importing_the_reader_leaves_the_cache_of_the_process_alone():
    code = (
        "import pyvips\n"
        "get = pyvips.vips_lib.vips_cache_get_max\n"
        "before = get()\n"
        "from tiler.image.read import vips\n"
        "print(before, get())\n"
        "vips.limit_vips_cache()\n"
        "print(get())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    before, after, limited = map(int, done.stdout.split())
    assert before == after > 0
    assert limited == 0
