import os
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import Heard
from tests.image.pictures import SRGB, ArraySource, noise
from tiler.errors import OutputError
from tiler.geometry import Box
from tiler.image.export import WRITERS, check_output, export, to_depth
from tiler.image.open import open_source
from tiler.image.source import Metadata
from tiler.progress import Silent
from tiler.settings import Settings

FULL = Path("/dev/full")


def run_export(path, rgb, alpha, progress=None, metadata=Metadata(), **options):  # noqa: B008
    settings = Settings(threads=2, **options)
    read = (lambda box: rgb[box.slices]), (lambda box: alpha[box.slices])
    export(path, rgb.shape[:2], *read, rgb.dtype, metadata, settings, progress or Silent())


def samples_of(path):
    """Return all samples, alpha too, (h, w) or (h, w, 4), by other readers than ours."""
    if path.suffix.lower() == ".png":
        return pyvips.Image.new_from_buffer(path.read_bytes(), "", fail_on="warning").numpy()
    return tifffile.imread(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@settings(max_examples=30)
@given(
    suffix=st.sampled_from([*WRITERS, ".TIF", ".Png"]),
    shape=st.tuples(st.integers(1, 600), st.integers(1, 600)),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    bits=st.sampled_from([8, 16, None]),
    alpha_only=st.booleans(),
)
def test_colours_and_alpha_come_back(folder, suffix, shape, dtype, bits, alpha_only):
    path = folder / f"out{suffix}"
    rgb, alpha = noise((*shape, 3), dtype), noise(shape, np.uint16, seed=1)
    run_export(path, rgb, alpha, bits=bits, alpha_only=alpha_only)
    out = np.dtype(np.uint8 if (bits or 8 * dtype().itemsize) == 8 else np.uint16)
    got = samples_of(path)
    assert got.dtype == out
    wanted = to_depth(alpha, out) if alpha_only else np.dstack([to_depth(rgb, out), to_depth(alpha, out)])
    np.testing.assert_array_equal(got.reshape(wanted.shape), wanted)


def test_depths_are_exact():
    eight, sixteen = np.arange(256, dtype=np.uint8), np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(to_depth(eight, np.dtype(np.uint16)), np.rint(eight * (65535 / 255)))
    np.testing.assert_array_equal(to_depth(sixteen, np.dtype(np.uint8)), np.rint(sixteen / (65535 / 255)))
    np.testing.assert_array_equal(to_depth(to_depth(eight, np.dtype(np.uint16)), np.dtype(np.uint8)), eight)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_our_own_reader_reads_the_colours_and_what_travels_along(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    rgb = noise((40, 50, 3), np.uint16)
    run_export(path, rgb, noise((40, 50), np.uint16), metadata=Metadata(SRGB, (300.0, 240.0)))
    source = open_source(path)
    np.testing.assert_array_equal(source.read(Box.whole(source.shape)), rgb)
    assert source.metadata.icc == SRGB
    assert source.metadata.dpi == pytest.approx((300, 240), abs=0.02)
    source.close()


def test_a_profile_goes_only_where_it_is_true(tmp_path):
    rgb, alpha = noise((40, 50, 3), np.uint8), noise((40, 50), np.uint16)
    heard = Heard()
    grey = SRGB[:16] + b"GRAY" + SRGB[20:]
    run_export(tmp_path / "grey.tif", rgb, alpha, heard, Metadata(grey))
    run_export(tmp_path / "alpha.tif", rgb, alpha, heard, Metadata(SRGB), alpha_only=True)
    for name in ("grey.tif", "alpha.tif"):
        with tifffile.TiffFile(tmp_path / name) as tiff:
            assert 34675 not in tiff.pages.first.tags
    assert len(heard.notes) == 1
    assert "profile" in heard.notes[0]


def test_progress_counts_the_bands(tmp_path):
    heard = Heard()
    run_export(tmp_path / "out.png", noise((1100, 4, 3), np.uint8), noise((1100, 4), np.uint16), heard)
    assert (heard.stages, heard.steps) == ([("write", 3)], [3])


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ZeroDivisionError])
def test_a_failing_read_leaves_nothing_and_the_old_file(tmp_path, suffix, trouble):
    path = tmp_path / f"out{suffix}"
    path.write_bytes(b"old")
    source = ArraySource(noise((1100, 40, 3), np.uint8))

    def alpha(box):
        if box.rows.start:
            raise trouble
        return np.zeros(box.shape, np.uint16)

    with pytest.raises(trouble):
        export(path, source.shape, source.read, alpha, source.dtype, Metadata(), Settings(threads=2), Silent())
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_full_disk_is_told_in_words(tmp_path, suffix, monkeypatch):
    full = FULL.open("wb")
    monkeypatch.setattr(Path, "open", lambda *_: full)
    with pytest.raises(OutputError, match="No space left"):
        run_export(tmp_path / f"out{suffix}", noise((1100, 400, 3), np.uint8), noise((1100, 400), np.uint16))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("out.jpg", {}, "a JPEG cannot hold alpha"),
        ("out.JPEG", {"alpha_only": True}, "a JPEG would blur the alpha"),
        ("out.webp", {}, "webp is no kind of file"),
        ("out", {}, "a name without an ending"),
        ("gone/out.tif", {}, "there is no directory"),
        ("taken.tif", {}, "this is a directory"),
        ("picture.tif", {}, "this is the picture itself"),
        ("link.tif", {}, "this is the picture itself"),
    ],
)
def test_an_output_that_cannot_be_is_refused_at_once(tmp_path, name, options, what):
    (tmp_path / "taken.tif").mkdir()
    (tmp_path / "picture.tif").write_bytes(b"x")
    (tmp_path / "link.tif").symlink_to(tmp_path / "picture.tif")
    with pytest.raises(OutputError, match=what) as error:
        check_output(tmp_path / name, Settings(**options), tmp_path / "picture.tif")
    assert name in error.value.what
    assert error.value.remedy


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_refused_at_once(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="you may not write"):
        check_output(tmp_path / "out.tif", Settings(), tmp_path / "picture.tif")


@pytest.mark.parametrize("suffix", WRITERS)
def test_an_output_that_can_be_is_let_through(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    check_output(path, Settings(), tmp_path / "picture.tif")
    path.write_bytes(b"old")
    check_output(path, Settings(), tmp_path / "picture.tif")
