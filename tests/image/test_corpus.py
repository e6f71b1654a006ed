"""Broken and odd files: each gives the right picture or an InputError, never another picture."""

import json
import resource
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.image import broken
from tests.image.broken import RGB, WITHOUT_CHECKSUMS
from tiler.core.geometry import Box, Span
from tiler.errors import InputError
from tiler.image.colour import to_srgb
from tiler.image.open import open_source

CUTS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def tiff(path, **more):
    tifffile.imwrite(path, RGB, photometric="rgb", metadata=None, **more)


WRITERS = {
    "png": lambda path: Image.fromarray(RGB).save(path, "PNG"),
    "jpeg": lambda path: Image.fromarray(RGB).save(path, "JPEG", quality=95),
    "progressive": lambda path: Image.fromarray(RGB).save(path, "JPEG", quality=95, progressive=True),
    "webp": lambda path: Image.fromarray(RGB).save(path, "WEBP", lossless=True),
    "avif": lambda path: Image.fromarray(RGB).save(path, "AVIF", quality=100),
    "jxl": lambda path: path.write_bytes(imagecodecs.jpegxl_encode(RGB, lossless=True)),
    "jp2": lambda path: path.write_bytes(imagecodecs.jpeg2k_encode(RGB, level=0)),
    "tiff": tiff,
    "tiff deflate tiles": lambda path: tiff(path, tile=(32, 32), compression="zlib"),
    "tiff lzw": lambda path: tiff(path, rowsperstrip=8, compression="lzw"),
    "tiff zstd": lambda path: tiff(path, tile=(32, 32), compression="zstd"),
    "tiff jpeg": lambda path: tiff(path, tile=(32, 32), compression="jpeg"),
    "tiff jpeg 2000": lambda path: tiff(path, tile=(32, 32), compression="jpeg2000"),
}
# By how many of 255 steps the samples of lossy formats may be off.
TOLERANCE = {"jpeg": 12, "progressive": 12, "avif": 12, "tiff jpeg": 12}


def read_srgb(path):
    """Return the pixels as sRGB, and check the time and the memory that a broken file may take."""
    began = time.perf_counter()
    try:
        with closing(open_source(path, max_pixels=10**6)) as source:
            return to_srgb(source.read(Box.whole(source.shape)), source.colour, source.metadata.icc)
    finally:
        assert time.perf_counter() - began < 20
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 * 2**20


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    for name, write in WRITERS.items():
        write(folder / name)
    return {name: (folder / name).read_bytes() for name in WRITERS}


@pytest.mark.parametrize("name", WRITERS)
def test_a_sound_file_is_the_picture(sound, tmp_path, name):
    path = tmp_path / "picture"
    path.write_bytes(sound[name])
    assert np.abs(read_srgb(path).astype(int) - RGB).max() <= TOLERANCE.get(name, 0)


@pytest.mark.parametrize("kept", CUTS)
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_cut_short_is_refused(sound, tmp_path, name, kept):
    path = tmp_path / "picture"
    path.write_bytes(sound[name][: int(len(sound[name]) * kept)])
    try:
        got = read_srgb(path)
    except InputError:
        return
    assert got.shape == RGB.shape
    assert np.abs(got.astype(int) - RGB).max() <= TOLERANCE.get(name, 0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 65501), (65501, 2)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_pictures_of_odd_shapes_are_read(tmp_path, shape, kind):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture", kind)
    np.testing.assert_array_equal(read_srgb(tmp_path / "picture"), pixels)


@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_the_error_for_an_unknown_format_lists_the_known_ones(tmp_path, kind):
    Image.fromarray(RGB).save(tmp_path / "picture", kind)
    with pytest.raises(InputError, match="no picture of a kind that is read") as error:
        open_source(tmp_path / "picture")
    assert "PNG" in error.value.remedy


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_nan_and_infinity_become_black_and_white(tmp_path, dtype):
    pixels = np.zeros((8, 9, 3), dtype)
    pixels[0, :4, 0] = [np.nan, np.inf, -np.inf, 1]
    tifffile.imwrite(tmp_path / "picture", pixels, photometric="rgb")
    np.testing.assert_array_equal(read_srgb(tmp_path / "picture")[0, :5, 0], [0, 65535, 0, 65535, 0])


def test_a_bomb_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "picture", np.zeros((2000, 2000), np.uint8), compression="zlib")
    with pytest.raises(InputError, match="more than the 1,000,000 pixels"):
        read_srgb(tmp_path / "picture")


@pytest.fixture(scope="module")
def outcomes(sound, tmp_path_factory):
    """The outcome of opening each dangerous file, by name; all are opened in one other process."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system does not state the peak of memory")
    folder, work = tmp_path_factory.mktemp("broken"), tmp_path_factory.mktemp("work")
    groups = {
        "claim": broken.claims(work),
        "bomb": broken.bombs(work),
        "flip": broken.flips(sound, work / "sound"),
        "cut": broken.cuts(work),
    }
    for group, files in groups.items():
        for name, data in files:
            (folder / f"{group}: {name}").write_bytes(data)
    report = work / "report"
    command = [sys.executable, "-m", "tests.image.broken", str(folder), str(report)]
    done = subprocess.run(command, capture_output=True, timeout=300, check=False, cwd=Path(__file__).parents[2])
    found = dict(json.loads(line) for line in report.read_text().splitlines())
    assert done.returncode == 0, (list(found)[-1:], done.stderr[-2000:])
    assert len(found) == len(list(folder.iterdir())) > 500
    return found


def test_no_broken_file_takes_long_or_much_memory(outcomes):
    # Seconds of processor time. The limits are far below those promised, 20 s and 2 GB, because the pictures are tiny.
    assert [name for name, what in outcomes.items() if what["seconds"] > 5 or what["bytes"] > 100 * 2**20] == []


def test_a_header_that_claims_a_giant_size_is_refused_at_once(outcomes):
    claims = {name: what for name, what in outcomes.items() if name.startswith("claim")}
    not_refused = [name for name, what in claims.items() if "60000 x 60000 px, more" not in what.get("refused", "")]
    # Pillow itself refuses the claim of the AVIF.
    assert set(not_refused) <= {"claim: AVIF"}
    assert [name for name, what in claims.items() if what["seconds"] > 1 or "refused" not in what] == []


def test_wrong_lengths_and_offsets_are_harmless(outcomes):
    for name, what in outcomes.items():
        if name.startswith("bomb"):
            # The PNGs are black.
            right = what.get("flat") == 24 if ": PNG" in name else what.get("off") == 0 or ": JPEG, Exif" in name
            assert "refused" in what or right, name
    # If the offsets of pixels lie outside the file, the file is refused.
    outside = [name for name, what in outcomes.items() if ", first 27" in name or ", all 27" in name]
    assert len(outside) == 16
    assert [name for name in outside if "refused" not in outcomes[name]] == []


def test_every_raw_exr_psd_or_heic_cut_short_is_refused(outcomes):
    assert [name for name, what in outcomes.items() if name.startswith("cut") and "refused" not in what] == []


def test_a_flipped_bit_never_makes_another_picture_in_formats_with_checksums(outcomes):
    for kind in ("png", "tiff deflate tiles"):
        results = [what for name, what in outcomes.items() if name.startswith(f"flip: {kind},")]
        assert len(results) == broken.FLIPS
        assert all("refused" in what or what["off"] == 0 for what in results), kind


@pytest.mark.parametrize(("kind", "most"), [("tiff", 1), ("tiff lzw", 8 * 96), ("tiff zstd", 32 * 32)])
def test_a_flipped_bit_stays_in_its_pixel_or_strip_or_tile(outcomes, kind, most):
    for name, what in outcomes.items():
        if name.startswith(f"flip: {kind},"):
            assert "refused" in what or (what["off"] <= most and what["flat"] == 0), name


def test_a_flipped_bit_in_formats_without_checksums_leaves_no_empty_region(outcomes):
    for name, what in outcomes.items():
        if name.startswith(tuple(f"flip: {kind}," for kind in WITHOUT_CHECKSUMS)):
            assert "refused" in what or what["shape"] != list(RGB.shape) or what["flat"] == 0, name


def test_a_window_of_a_bomb_is_read_in_little_memory(tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(broken.png(size=(60000, 60000), data=broken.zeros(60000 * 60001), grey=True))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with closing(open_source(path)) as source:
        assert not source.read(Box(Span(0, 512), Span(0, 60000))).any()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024
