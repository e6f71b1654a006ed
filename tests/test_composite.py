import zlib

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, ImageCms

import tiler
from tests.fakes import RecordedProgress
from tests.image.metadata.test_gpano import xmp_packet
from tests.image.pictures import SRGB, noise
from tiler import composite
from tiler.core.compositing import over, srgb_curve
from tiler.core.edges import edged, halo_of
from tiler.edge import edges_of
from tiler.errors import InputError, OutputError, SettingsError

SHAPE = (620, 90)  # two bands


def cutout(path, dtype=np.uint8, icc=None, shape=SHAPE, colours=3):
    """Write a cutout and return its colours and its alpha of 65535 steps."""
    y = np.linspace(-0.3, 1.3, shape[0])[:, None] * np.ones(shape[1])
    share = np.clip(y, 0, 1)
    if dtype == np.float32:
        pixels, alpha = np.random.default_rng(0).random((*shape, colours), np.float32), share.astype(np.float32)
        steps = np.rint(alpha * 65535)
    else:
        top = np.iinfo(dtype).max
        pixels, alpha = noise((*shape, colours), dtype), np.rint(share * top).astype(dtype)
        steps = alpha.astype(np.uint16) * (65535 // top)
    tifffile.imwrite(
        path,
        np.dstack([pixels, alpha]),
        photometric={1: "minisblack", 3: "rgb", 4: "separated"}[colours],
        planarconfig="contig",
        extrasamples=["unassalpha"],
        iccprofile=icc,
        tile=(64, 64),
    )
    return pixels, np.asarray(steps, np.uint16)


def gamma_profile():
    """A profile with the primaries of sRGB and the curve x^1.8."""
    icc = bytearray(SRGB)
    start, size = next(
        (int.from_bytes(icc[at + 4 : at + 8], "big"), int.from_bytes(icc[at + 8 : at + 12], "big"))
        for at in range(132, 132 + 12 * 20, 12)
        if icc[at : at + 4] == b"rTRC"
    )
    curve = b"curv" + bytes(4) + (1).to_bytes(4, "big") + round(1.8 * 256).to_bytes(2, "big")
    icc[start : start + size] = curve.ljust(size, b"\0")
    return bytes(icc)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("gamma", [False, True])
def test_a_colour_lies_behind_at_the_depth_of_the_cutout(tmp_path, dtype, suffix, gamma):
    pixels, alpha = cutout(tmp_path / "cutout.tif", dtype)
    tiler.compose(tmp_path / "cutout.tif", tmp_path / f"out{suffix}", "#ff8000", gamma=gamma)
    top = np.iinfo(dtype).max
    back = np.broadcast_to(np.array([255, 128, 0]) * (top // 255), pixels.shape).astype(dtype)
    wanted = over(pixels, back, alpha, None if gamma else srgb_curve())
    got = tifffile.imread(tmp_path / "out.tif") if suffix == ".tif" else pyvips_of(tmp_path / "out.png")
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("back", ["navy", "back.png"])
def test_threads_change_no_byte(tmp_path, monkeypatch, suffix, back):
    monkeypatch.setattr(composite, "LEAST_COLS", 7)
    pixels, alpha = cutout(tmp_path / "cutout.tif", shape=(100, 610))
    Image.fromarray(np.dstack([pixels, alpha // 257]).astype(np.uint8)).save(tmp_path / "cutout.png")
    Image.fromarray(noise((130, 400, 3), np.uint8)).save(tmp_path / "back.png")
    background = str(tmp_path / back) if "." in back else back
    outputs = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(composite, "default_threads", lambda count=threads: count)
        tiler.compose(tmp_path / f"cutout{suffix}", tmp_path / "out.tif", background)
        outputs.append((tmp_path / "out.tif").read_bytes())
    assert outputs[0] == outputs[1] == outputs[2]


def pyvips_of(path):
    return pyvips.Image.new_from_file(str(path)).numpy()


def test_a_jpeg_has_profile_and_metadata(tmp_path):
    pixels = np.full((*SHAPE, 4), 255, np.uint8)
    pixels[..., :3] = 60, 120, 180
    exif = Image.Exif()
    exif[0x010E] = "Test"
    Image.fromarray(pixels).save(tmp_path / "cutout.png", icc_profile=SRGB, exif=exif, dpi=(300, 300))
    tiler.compose(tmp_path / "cutout.png", tmp_path / "out.jpg", "white")
    with Image.open(tmp_path / "out.jpg") as out:
        assert (out.size, out.mode, out.info["icc_profile"]) == ((SHAPE[1], SHAPE[0]), "RGB", SRGB)
        assert out.getexif()[0x010E] == "Test"
        assert out.info["dpi"] == (300, 300)
        assert np.abs(np.asarray(out).astype(int) - (60, 120, 180)).max() <= 2


@pytest.mark.parametrize("suffix", [".webp", ".exr", ".zarr", ".jpeg", ".tiff"])
def test_every_format_is_written_and_read_again(tmp_path, suffix):
    if suffix == ".exr":
        pytest.importorskip("OpenEXR")
    cutout(tmp_path / "cutout.tif", np.uint16)
    progress = RecordedProgress()
    tiler.compose(tmp_path / "cutout.tif", tmp_path / f"out{suffix}", "navy", progress=progress)
    assert (tmp_path / f"out{suffix}").exists()
    assert progress.stages[-1] == ("compose", 2)
    assert progress.steps[-1] == 2
    assert {path.name for path in tmp_path.iterdir()} == {"cutout.tif", f"out{suffix}"}


def test_light_of_floats_is_mixed_as_it_is(tmp_path):
    pixels, alpha = cutout(tmp_path / "cutout.tif", np.float32)
    progress = RecordedProgress()
    tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", "white", gamma=True, progress=progress)
    share = (alpha / 65535)[..., None]
    np.testing.assert_allclose(tifffile.imread(tmp_path / "out.tif"), share * pixels + 1 - share, atol=1e-4)
    assert any("light already" in note for note in progress.notes)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("size", [(90, 620), (45, 310), (180, 1240), (200, 620), (90, 1000)])
def test_a_picture_covers_the_frame_and_is_cut_evenly(tmp_path, suffix, size):
    cutout(tmp_path / "cutout.tif")
    y, x = np.mgrid[: size[1], : size[0]]
    picture = np.stack([y * 255 / size[1], x * 255 / size[0], 0 * x + 80], axis=2)
    Image.fromarray(np.rint(picture).astype(np.uint8)).save(tmp_path / f"back{suffix}", quality=98, subsampling=0)
    tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", str(tmp_path / f"back{suffix}"))
    got = tifffile.imread(tmp_path / "out.tif")[:100].astype(int)
    scale = min(size[0] / SHAPE[1], size[1] / SHAPE[0])
    rows = (size[1] - scale * SHAPE[0]) / 2 + scale * (np.arange(100) + 0.5)
    cols = (size[0] - scale * SHAPE[1]) / 2 + scale * (np.arange(SHAPE[1]) + 0.5)
    assert np.abs(got[..., 0] - (rows[:, None] - 0.5) * 255 / size[1]).max() <= 5
    assert np.abs(got[..., 1] - (cols[None, :] - 0.5) * 255 / size[0]).max() <= 5


def test_at_its_own_size_a_picture_keeps_its_samples(tmp_path):
    _, alpha = cutout(tmp_path / "cutout.tif", np.uint16)
    back = noise((*SHAPE, 3), np.uint16, seed=7)
    tifffile.imwrite(tmp_path / "back.tif", back, photometric="rgb")
    for fit in ("cover", "contain", "tile"):
        tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", tmp_path / "back.tif", fit=fit)
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif")[alpha == 0], back[alpha == 0])


def test_contained_it_is_whole_and_black_around(tmp_path):
    cutout(tmp_path / "cutout.tif", shape=(300, 100))
    Image.new("RGB", (400, 200), (200, 100, 50)).save(tmp_path / "back.png")
    tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", tmp_path / "back.png", fit="contain")
    assert not tifffile.imread(tmp_path / "out.tif")[:50].any()
    tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", tmp_path / "back.png")
    assert (tifffile.imread(tmp_path / "out.tif")[:50] == (200, 100, 50)).all()


def test_tiles_repeat_across_bands(tmp_path):
    _, alpha = cutout(tmp_path / "cutout.tif", shape=(1100, 90))
    alpha[:] = 0
    tifffile.imwrite(
        tmp_path / "cutout.tif", np.zeros((1100, 90, 4), np.uint8), photometric="rgb", extrasamples=["unassalpha"]
    )
    back = noise((37, 41, 3), np.uint8)
    Image.fromarray(back).save(tmp_path / "back.png")
    tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", tmp_path / "back.png", fit="tile")
    rows, cols = np.arange(1100) % 37, np.arange(90) % 41
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), back[rows][:, cols])


def test_the_background_is_converted_into_the_profile_of_the_cutout(tmp_path):
    icc = gamma_profile()
    _, alpha = cutout(tmp_path / "cutout.tif", np.uint16, icc)
    back = np.full((*SHAPE, 3), 128, np.uint8)
    Image.fromarray(back).save(tmp_path / "back.png")
    wanted = ((128 / 255 + 0.055) / 1.055) ** 2.4
    for what in (str(tmp_path / "back.png"), "#808080"):
        tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", what)
        got = tifffile.imread(tmp_path / "out.tif")[alpha == 0] / 65535
        # The red curve alone is another one.
        np.testing.assert_allclose(got[:, 0], wanted ** (1 / 1.8), atol=0.01)
        with tifffile.TiffFile(tmp_path / "out.tif") as out:
            assert out.pages[0].iccprofile == icc


@pytest.mark.parametrize("colours", [1, 4])
def test_grey_and_cmyk_become_srgb_and_that_is_said(tmp_path, colours):
    cutout(tmp_path / "cutout.tif", colours=colours)
    progress = RecordedProgress()
    tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", "white", progress=progress)
    assert tifffile.imread(tmp_path / "out.tif").shape == (*SHAPE, 3)
    assert any("converted to sRGB" in note for note in progress.notes)


def opaque(folder):
    Image.new("RGB", (20, 20)).save(folder / "opaque.png")
    return {"cutout": "opaque.png"}


def no_colour(_):
    return {"background": "blu"}


def broken(folder):
    (folder / "back.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    return {"background": "back.png"}


def cut_short(folder):
    Image.fromarray(noise((600, 90, 3), np.uint8)).save(folder / "back.png")
    data = (folder / "back.png").read_bytes()
    (folder / "back.png").write_bytes(data[: len(data) // 2])
    return {"background": "back.png"}


def no_profile(folder):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    tifffile.imwrite(folder / "back.tif", np.zeros((20, 20, 3), np.uint8), photometric="rgb", iccprofile=lab)
    return {"background": "back.tif"}


def too_large(folder):
    tifffile.imwrite(
        folder / "long.tif", np.zeros((70000, 1, 4), np.uint8), photometric="rgb", extrasamples=["unassalpha"]
    )
    return {"cutout": "long.tif", "output": "out.jpg"}


def half_a_cutout(folder):
    """Its end is missing, which is found when most of the result is written."""
    pixels = noise((1500, 90, 4), np.uint8)
    Image.fromarray(pixels).save(folder / "half.png")
    data = (folder / "half.png").read_bytes()
    (folder / "half.png").write_bytes(data[: len(data) * 9 // 10])
    return {"cutout": "half.png"}


def half_an_original(folder):
    return {**cut_short(folder), "background": "blur:9", "original": "back.png"}


def no_profile_in_front(folder):
    cutout(folder / "odd.tif", icc=SRGB[:200] + bytes(len(SRGB) - 200))
    return {"cutout": "odd.tif", "background": "orange"}


def a_lying_header(folder):
    """A few bytes that claim 100000 x 300000 px."""
    ihdr = b"IHDR" + (100_000).to_bytes(4, "big") + (300_000).to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    chunk = (13).to_bytes(4, "big") + ihdr + zlib.crc32(ihdr).to_bytes(4, "big")
    (folder / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    return {"background": "huge.png"}


def too_large_for_webp(folder):
    return {**too_large(folder), "output": "out.webp"}


def another_size(folder):
    Image.new("RGB", (20, 20)).save(folder / "photo.png")
    return {"background": "original", "original": "photo.png"}


WRONG = {
    opaque: (InputError, "no alpha"),
    no_colour: (InputError, "neither"),
    broken: (InputError, "back.png"),
    cut_short: (InputError, "back.png"),
    no_profile: (InputError, "back.tif.*profile"),
    too_large: (OutputError, "65500 px"),
    (lambda _: {"output": "out.gif"}): (OutputError, "out.gif"),
    (lambda _: {"output": "cutout.tif"}): (OutputError, "picture itself"),
    (lambda _: {"output": "nowhere/out.tif"}): (OutputError, "no directory"),
    (lambda _: {"cutout": "missing.tif"}): (InputError, "no such file"),
    (lambda _: {"fit": "stretch"}): (SettingsError, "--fit"),
    half_a_cutout: (InputError, "half.png"),
    half_an_original: (InputError, "back.png"),
    no_profile_in_front: (InputError, "profile"),
    a_lying_header: (InputError, "huge.png"),
    too_large_for_webp: (OutputError, "16383 px"),
    another_size: (InputError, "20 x 20 px, and the cutout 90 x 620 px"),
    (lambda _: {"background": "original"}): (SettingsError, "--original"),
    (lambda _: {"background": "blur:0"}): (SettingsError, "a radius in pixels"),
    (lambda _: {"background": "blur:x"}): (SettingsError, "a radius in pixels"),
    (lambda _: {"background": "gradient:white"}): (SettingsError, "two colours"),
    (lambda _: {"background": "gradient:white,blu"}): (SettingsError, "two colours"),
    (lambda _: {"background": "gradient:white,blue,up"}): (SettingsError, "two colours"),
    (lambda _: {"background": "blur:9", "original": "missing.jpg"}): (InputError, "no such file"),
    (lambda _: {"light_wrap": 1.5}): (SettingsError, "--light-wrap"),
    (lambda _: {"match_light": float("nan")}): (SettingsError, "--match-light"),
    (lambda _: {"edge": ["grow:1"]}): (SettingsError, "--edge"),
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_bad_input_is_a_clear_error_and_leaves_nothing(tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    cutout(tmp_path / "cutout.tif")
    given = {"cutout": "cutout.tif", "output": "out.tif", "background": "white", **wrong(tmp_path)}
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    kind, text = WRONG[wrong]
    with pytest.raises(kind, match=text):
        tiler.compose(**given)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_the_edge_is_changed_as_asked_before_the_mixing(tmp_path, suffix):
    pixels, alpha = cutout(tmp_path / "cutout.tif")
    Image.fromarray(np.dstack([pixels, alpha // 257]).astype(np.uint8)).save(tmp_path / "cutout.png")
    texts = ["shrink:2", "feather:1.5"]
    edges = edges_of(texts)
    halo = halo_of(edges)
    around = ((halo, halo), (halo, halo))
    framed = np.pad(pixels, (*around, (0, 0)), mode="edge"), np.pad(alpha, around, mode="edge")
    front, shown = edged(*framed, edges)
    tiler.compose(tmp_path / f"cutout{suffix}", tmp_path / "out.tif", "black", gamma=True, edge=texts)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), over(front, np.zeros_like(front), shown))
    assert {path.name for path in tmp_path.iterdir()} == {"cutout.tif", "cutout.png", "out.tif"}


def test_its_own_background_gives_the_picture_back(tmp_path):
    """A JPEG's rows are read from top to bottom once, so picture and cutout are spooled."""
    front, alpha = cutout(tmp_path / "cutout.tif")
    Image.fromarray(np.dstack([front, alpha // 257]).astype(np.uint8)).save(tmp_path / "cutout.png")
    picture = over(front, np.full_like(front, 90), alpha, srgb_curve())
    Image.fromarray(picture).save(tmp_path / "photo.png")
    given = {"background": "original", "original": tmp_path / "photo.png"}
    tiler.compose(tmp_path / "cutout.png", tmp_path / "out.tif", **given)
    assert np.abs(tifffile.imread(tmp_path / "out.tif").astype(int) - picture).max() <= 1
    tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", **given | {"background": "blur:30"})
    assert np.abs(tifffile.imread(tmp_path / "out.tif")[alpha == 0].astype(int) - 90).max() <= 1
    assert {path.name for path in tmp_path.iterdir()} == {"cutout.tif", "cutout.png", "photo.png", "out.tif"}


def test_a_gradient_lies_behind(tmp_path):
    _, alpha = cutout(tmp_path / "cutout.tif", np.uint16)
    tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", "gradient:#ff0000,blue,90")
    got = tifffile.imread(tmp_path / "out.tif")[0].astype(int)
    assert (alpha[0] == 0).all()
    assert (np.diff(got[:, 0]) < 0).all()
    assert (np.diff(got[:, 2]) > 0).all()


@pytest.mark.parametrize("fit", ["cover", "contain", "tile"])
@pytest.mark.parametrize("offset", [(0, 0), (13, -7), (-40, 600), (5000, 5000)])
def test_an_offset_moves_a_picture(tmp_path, fit, offset):
    _, alpha = cutout(tmp_path / "cutout.tif", np.uint16)
    back = noise((SHAPE[0], 120 if fit == "cover" else SHAPE[1], 3), np.uint16, seed=7)
    tifffile.imwrite(tmp_path / "back.tif", back, photometric="rgb")
    tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", tmp_path / "back.tif", fit=fit, offset=offset)
    got = tifffile.imread(tmp_path / "out.tif")
    if fit == "cover":  # 15 columns are cut on either side, and no rows
        first = min(max(15 - offset[0], 0), 30)
        wanted = back[:, first : first + SHAPE[1]]
    elif fit == "tile":
        wanted = np.roll(back, offset[::-1], axis=(0, 1))
    else:
        rows, cols = (np.arange(size) - by for size, by in zip(SHAPE, offset[::-1], strict=True))
        inside = ((rows >= 0) & (rows < SHAPE[0]))[:, None] & ((cols >= 0) & (cols < SHAPE[1]))
        wanted = np.where(inside[..., None], back[rows % SHAPE[0]][:, cols % SHAPE[1]], 0)
    np.testing.assert_array_equal(got[alpha == 0], wanted[alpha == 0])


def test_the_light_of_the_background_comes_in_as_asked(tmp_path):
    _, alpha = cutout(tmp_path / "cutout.tif")
    plain, lit = tmp_path / "plain.tif", tmp_path / "lit.tif"
    tiler.compose(tmp_path / "cutout.tif", plain, "orange")
    tiler.compose(tmp_path / "cutout.tif", lit, "orange", light_wrap=0.8, match_light=0.5)
    before, after = (tifffile.imread(path).astype(int) for path in (plain, lit))
    np.testing.assert_array_equal(before[alpha == 0], after[alpha == 0])
    orange = np.array([255, 165, 0])
    apart = [np.abs(one[alpha == 65535].mean(axis=0) - orange).sum() for one in (before, after)]
    assert apart[1] < apart[0]
    assert {path.name for path in tmp_path.iterdir()} == {"cutout.tif", "plain.tif", "lit.tif"}


@pytest.mark.parametrize("turn", [True, False])
def test_the_ends_of_a_full_turn_are_neighbours_for_the_edge(tmp_path, turn):
    pixels = np.full((40, 80, 4), 255, np.uint8)
    pixels[:, 20:, 3] = 0
    xmp = xmp_packet(False, ProjectionType="equirectangular")
    tifffile.imwrite(
        tmp_path / "cutout.tif",
        pixels,
        photometric="rgb",
        extrasamples=["unassalpha"],
        extratags=[(700, 1, len(xmp), xmp, True)] if turn else [],
    )
    tiler.compose(tmp_path / "cutout.tif", tmp_path / "out.tif", "black", edge=["feather:3"])
    got = tifffile.imread(tmp_path / "out.tif")[20, :, 0]
    assert (got[-1] > 0) == turn
    assert (got[0] == 255) != turn
