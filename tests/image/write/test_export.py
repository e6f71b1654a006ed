import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import RecordedProgress
from tests.image.pictures import SRGB, ArraySource, noise
from tiler.core.geometry import Box
from tiler.errors import OutputError
from tiler.image.colour import to_srgb
from tiler.image.depth import alpha_to_depth, premultiplied, to_depth
from tiler.image.open import open_source
from tiler.image.source import Metadata
from tiler.image.write import tiff
from tiler.image.write.export import check_holds, check_output, export, most_bytes
from tiler.image.write.formats import OUTPUT_FORMATS
from tiler.progress import Silent
from tiler.settings import Settings

FULL_DEVICE = Path("/dev/full")


def run_export(path, pixels, alpha, progress=None, metadata=Metadata(), colours="source", **options):  # noqa: B008
    source, chosen, progress = (
        ArraySource(pixels, metadata=metadata),
        Settings.of(threads=2, colours=colours, **options),
        progress or Silent(),
    )
    check_holds(path, source, chosen, progress)
    export(path, source, source.read, lambda box: alpha[box.slices], chosen, progress)


def samples_of(path):
    """Return all samples of a file, alpha too, (h, w, samples), as readers other than ours read them."""
    suffix = path.suffix.lower()
    if suffix in (".png", ".webp"):
        pixels = pyvips.Image.new_from_buffer(path.read_bytes(), "", fail_on="warning").numpy()
    elif suffix == ".zarr":
        pixels = np.moveaxis(zarr.open_group(path, mode="r")["0"][:], 0, 2)
    else:
        pixels = tifffile.imread(path)
    return pixels[..., None] if pixels.ndim == 2 else pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@settings(max_examples=40)
@given(
    suffix=st.sampled_from([".tif", ".TIFF", ".Png", ".webp", ".zarr"]),
    shape=st.tuples(st.integers(1, 600), st.integers(1, 600)),
    samples=st.sampled_from([1, 3]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    bits=st.sampled_from([8, 16, None]),
    alpha_only=st.booleans(),
)
def test_colours_and_alpha_are_read_back(folder, suffix, shape, samples, dtype, bits, alpha_only):
    path = folder / f"out{suffix}"
    pixels, alpha = noise((*shape, samples), dtype), noise(shape, np.uint16, seed=1)
    run_export(path, pixels, alpha, bits=bits, alpha_only=alpha_only)
    out = np.dtype(np.uint8 if (bits or 8 * dtype().itemsize) == 8 or suffix == ".webp" else np.uint16)
    own = 3 if suffix == ".webp" else samples
    wanted = to_depth(alpha, out)[..., None]
    if not alpha_only:
        wanted = np.dstack([np.broadcast_to(to_depth(pixels, out), (*shape, own)), wanted])
    elif suffix == ".webp":
        wanted = np.repeat(wanted, 3, axis=2)
    got = samples_of(path)
    assert got.dtype == out
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
@pytest.mark.parametrize("premultiply", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_cmyk_and_floats_stay_what_they_are(tmp_path, suffix, premultiply, dtype):
    path, alpha = tmp_path / f"out{suffix}", noise((30, 40), np.uint16, seed=1)
    pixels = noise((30, 40, 4), np.uint16).astype(dtype)
    run_export(path, pixels, alpha, premultiplied=premultiply)
    own = premultiplied(pixels, alpha[..., None]) if premultiply else pixels
    wanted = np.dstack([own, alpha_to_depth(alpha, np.dtype(dtype))])
    np.testing.assert_array_equal(samples_of(path), wanted)


def test_colours_that_a_format_cannot_hold_become_srgb(tmp_path):
    alpha = noise((30, 40), np.uint16, seed=1)
    inks, light = noise((30, 40, 4), np.uint8), np.random.default_rng(0).random((30, 40, 3), np.float32)
    progress = RecordedProgress()
    run_export(tmp_path / "inks.png", inks, alpha, progress)
    np.testing.assert_array_equal(samples_of(tmp_path / "inks.png")[..., :3], to_srgb(inks, "cmyk", None))
    assert "CMYK" in progress.notes[0]
    run_export(tmp_path / "light.png", light, alpha)
    np.testing.assert_array_equal(samples_of(tmp_path / "light.png")[..., :3], to_srgb(light, "rgb", None))


def test_linear_light_is_written_as_linear_light(tmp_path):
    OpenEXR = pytest.importorskip("OpenEXR")  # noqa: N806
    light = np.random.default_rng(0).random((30, 40, 3), np.float32) * 4
    alpha = noise((30, 40), np.uint16, seed=1)
    run_export(tmp_path / "out.exr", light, alpha)
    with OpenEXR.File(str(tmp_path / "out.exr")) as exr:
        got = exr.channels()["RGBA"].pixels
    share = alpha[..., None] / np.float32(65535)
    np.testing.assert_allclose(got, np.dstack([light * share, share]), rtol=2e-3)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_our_own_reader_reads_the_colours_and_the_metadata(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    rgb, alpha = noise((40, 50, 3), np.uint16), noise((40, 50), np.uint16)
    run_export(path, rgb, alpha, metadata=Metadata(SRGB, (300.0, 240.0)))
    source = open_source(path)
    assert source.has_alpha
    np.testing.assert_array_equal(source.read(Box.whole(source.shape)), np.dstack([rgb, alpha]))
    assert source.metadata.icc == SRGB
    assert source.metadata.dpi == pytest.approx((300, 240), abs=0.02)
    source.close()


def test_a_directory_is_replaced_completely_or_not_at_all(tmp_path):
    path, alpha = tmp_path / "out.zarr", np.zeros((30, 40), np.uint16)
    run_export(path, noise((30, 40, 3), np.uint8), alpha)
    before = samples_of(path)

    def fails(_box):
        raise ZeroDivisionError

    check_output(path, Settings(), tmp_path / "picture.tif")
    source = ArraySource(noise((30, 40, 3), np.uint8, seed=3))
    with pytest.raises(ZeroDivisionError):
        export(path, source, source.read, fails, Settings(), Silent())
    np.testing.assert_array_equal(samples_of(path), before)
    run_export(path, source.pixels, alpha)
    np.testing.assert_array_equal(samples_of(path)[..., :3], source.pixels)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.zarr"]


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path, suffix, is_there):
    (tmp_path / "store").mkdir()
    link, target = tmp_path / f"link{suffix}", tmp_path / "store" / f"target{suffix}"
    pixels, alpha = noise((30, 40, 3), np.uint8), np.zeros((30, 40), np.uint16)
    if is_there:
        run_export(target, pixels[::-1], alpha)
    link.symlink_to(target)
    check_output(link, Settings(), tmp_path / "picture.tif")
    run_export(link, pixels, alpha)
    assert link.is_symlink()
    np.testing.assert_array_equal(samples_of(target)[..., :3], pixels)
    assert [entry.name for entry in target.parent.iterdir()] == [target.name]


def test_a_link_to_nowhere_is_refused_at_once(tmp_path):
    (tmp_path / "out.tif").symlink_to(tmp_path / "gone" / "out.tif")
    with pytest.raises(OutputError, match="there is no directory"):
        check_output(tmp_path / "out.tif", Settings(), tmp_path / "picture.tif")


def test_a_store_of_others_is_never_replaced(tmp_path):
    path = tmp_path / "out.zarr"
    zarr.create_group(path, attributes={"theirs": 1})
    with pytest.raises(OutputError, match="not tiler's"):
        check_output(path, Settings(), tmp_path / "picture.tif")
    with pytest.raises(OutputError, match="not tiler's"):
        run_export(path, noise((30, 40, 3), np.uint8), np.zeros((30, 40), np.uint16))
    assert zarr.open_group(path, mode="r").attrs["theirs"] == 1


def test_a_picture_too_large_for_its_format_is_refused(tmp_path):
    source = ArraySource(np.zeros((16384, 1, 3), np.uint8))
    with pytest.raises(OutputError, match="WebP ends at 16383 px a side"):
        check_holds(tmp_path / "out.webp", source, Settings(), Silent())
    check_holds(tmp_path / "out.tif", source, Settings(), Silent())


def test_a_profile_is_written_only_where_it_is_true(tmp_path):
    rgb, alpha = noise((40, 50, 3), np.uint8), noise((40, 50), np.uint16)
    progress = RecordedProgress()
    grey = SRGB[:16] + b"GRAY" + SRGB[20:]
    run_export(tmp_path / "grey.tif", rgb, alpha, progress, Metadata(grey))
    run_export(tmp_path / "alpha.tif", rgb, alpha, progress, Metadata(SRGB), alpha_only=True)
    for name in ("grey.tif", "alpha.tif"):
        with tifffile.TiffFile(tmp_path / name) as tiff:
            assert 34675 not in tiff.pages.first.tags
    assert len(progress.notes) == 1
    assert "profile" in progress.notes[0]


def mixture():
    """A red disc in front of green, 16 bit, and its alpha."""
    y, x = np.mgrid[:600, :700]
    alpha = np.rint(np.clip(0.5 - (np.hypot(y - 300, x - 350) - 150) / 40, 0, 1) * 65535).astype(np.uint16)
    share = alpha[..., None] / 65535
    red, green = np.array([50000, 2000, 1000]), np.array([3000, 40000, 2000])
    return np.rint(red * share + green * (1 - share)).astype(np.uint16), alpha, red


@pytest.mark.parametrize("suffix", [".tif", ".png", ".zarr"])
def test_the_light_of_the_old_background_is_taken_out(tmp_path, suffix):
    pixels, alpha, red = mixture()
    path = tmp_path / f"out{suffix}"
    run_export(path, pixels, alpha, colours="clean")
    got = samples_of(path)
    np.testing.assert_array_equal(got[..., 3], alpha)
    saturated = (alpha == 0) | (alpha == 65535)
    np.testing.assert_array_equal(got[saturated, :3], pixels[saturated])
    assert np.abs(got[(alpha > 20000), :3].astype(int) - red).max() <= 1


def test_multiplied_colours_are_clean_too(tmp_path):
    pixels, alpha, red = mixture()
    run_export(tmp_path / "out.tif", pixels, alpha, colours="clean", premultiplied=True)
    got = tifffile.imread(tmp_path / "out.tif")[..., :3]
    assert np.abs(got - red * (alpha[..., None] / 65535))[alpha > 20000].max() <= 2


def test_the_alpha_alone_needs_no_colours(tmp_path):
    pixels, alpha, _ = mixture()
    progress = RecordedProgress()
    run_export(tmp_path / "out.tif", pixels, alpha, progress, colours="clean", alpha_only=True)
    assert [name for name, _ in progress.stages] == ["write"]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), alpha)


def test_the_edge_is_changed_when_all_else_is_done(tmp_path):
    """Its colours are found for the alpha as it was, and what shows only now takes them."""
    pixels, alpha, red = mixture()
    for only in (False, True):
        run_export(tmp_path / f"{only}.tif", pixels, alpha, colours="clean", alpha_only=only, edge=("feather:6",))
    got = tifffile.imread(tmp_path / "False.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "True.tif"), got[..., 3])
    fresh = (alpha == 0) & (got[..., 3] > 0)
    assert fresh.any()
    assert np.abs(got[fresh][:, :3].astype(int) - red).max() <= 300  # of 65535; the background is 40000 away
    run_export(tmp_path / "own.tif", pixels, alpha, colours="source", edge=("feather:6",))
    own = tifffile.imread(tmp_path / "own.tif")
    np.testing.assert_array_equal(own[..., :3], pixels)
    np.testing.assert_array_equal(own[..., 3], got[..., 3])


def test_progress_counts_the_bands(tmp_path):
    progress = RecordedProgress()
    run_export(tmp_path / "out.png", noise((1100, 4, 3), np.uint8), noise((1100, 4), np.uint16), progress)
    assert (progress.stages, progress.steps) == ([("write", 3)], [3])


@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp", ".exr"])
@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ZeroDivisionError])
def test_a_failing_read_leaves_the_old_file_alone(tmp_path, suffix, trouble):
    path = tmp_path / f"out{suffix}"
    path.write_bytes(b"old")
    source = ArraySource(noise((1100, 40, 3), np.uint8))

    def alpha(box):
        if box.rows.start:
            raise trouble
        return np.zeros(box.shape, np.uint16)

    with pytest.raises(trouble):
        export(path, source, source.read, alpha, Settings.of(threads=2), Silent())
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(not FULL_DEVICE.exists(), reason="no device that is always full")
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_full_disk_is_an_output_error(tmp_path, suffix, monkeypatch):
    full = FULL_DEVICE.open("wb")
    monkeypatch.setattr(Path, "open", lambda *_: full)
    with pytest.raises(OutputError, match="No space left"):
        run_export(tmp_path / f"out{suffix}", noise((1100, 400, 3), np.uint8), noise((1100, 400), np.uint16))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("out.jpg", {}, "a JPEG cannot hold alpha"),
        ("out.JPEG", {"alpha_only": True}, "a JPEG would blur the alpha"),
        ("out.gif", {}, "gif is no kind of file"),
        ("out.png", {"premultiplied": True}, "PNG has no premultiplied alpha"),
        ("out.webp", {"bits": 16}, "WebP has no 16 bits"),
        ("picture.zarr", {}, "this is a file"),
        ("taken.zarr", {}, "this is a directory"),
        ("out", {}, "a name without an ending"),
        ("gone/out.tif", {}, "there is no directory"),
        ("taken.tif", {}, "this is a directory"),
        ("picture.tif", {}, "this is the picture itself"),
        ("link.tif", {}, "this is the picture itself"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_at_once(tmp_path, name, options, what):
    (tmp_path / "taken.tif").mkdir()
    (tmp_path / "taken.zarr").mkdir()
    (tmp_path / "picture.zarr").write_bytes(b"x")
    (tmp_path / "picture.tif").write_bytes(b"x")
    (tmp_path / "link.tif").symlink_to(tmp_path / "picture.tif")
    with pytest.raises(OutputError, match=what) as error:
        check_output(tmp_path / name, Settings.of(**options), tmp_path / "picture.tif")
    assert name in error.value.what
    assert error.value.remedy


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_refused_at_once(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="you may not write"):
        check_output(tmp_path / "out.tif", Settings(), tmp_path / "picture.tif")


@pytest.mark.parametrize("suffix", [suffix for suffix, kind in OUTPUT_FORMATS.items() if not kind.folder])
def test_an_output_that_can_be_written_is_not_refused(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    check_output(path, Settings(), tmp_path / "picture.tif")
    path.write_bytes(b"old")
    check_output(path, Settings(), tmp_path / "picture.tif")


@pytest.mark.parametrize("options", [{}, {"compression": "lzw", "pyramid": True}, {"alpha_only": True}, {"bits": 16}])
@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
def test_no_output_is_larger_than_is_foreseen(tmp_path, suffix, options):
    if options.get("bits") and suffix in (".webp", ".exr"):
        pytest.skip("has no such depth")
    source = ArraySource(noise((700, 530, 3), np.uint8), metadata=Metadata(SRGB))
    settings = Settings.of(threads=2, **options)
    alpha = noise((700, 530), np.uint16)
    path = tmp_path / f"out{suffix}"
    export(path, source, source.read, lambda box: alpha[box.slices], settings, Silent())
    size = sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())
    assert size <= most_bytes(path, source, settings)


def test_scratch_files_of_overviews_lie_beside_the_output_or_in_the_work_dir(tmp_path, monkeypatch):
    places = []
    real = tempfile.TemporaryFile
    monkeypatch.setattr(tiff, "TemporaryFile", lambda **where: (places.append(where["dir"]), real(**where))[1])
    source = ArraySource(noise((1100, 900, 3), np.uint8))
    (tmp_path / "work").mkdir()
    for work_dir in (None, tmp_path / "work"):
        settings = Settings.of(threads=2, pyramid=True, work_dir=work_dir)
        export(tmp_path / "o.tif", source, source.read, lambda box: np.zeros(box.shape, np.uint16), settings, Silent())
    assert set(places) == {tmp_path, tmp_path / "work"}
