import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import tiler
from tests.fakes import ColourKey, RecordedProgress
from tiler import run, subject
from tiler.atomic import atomic_file
from tiler.core.seams import judge
from tiler.image.colour import to_network
from tiler.inspect.snapshot import load
from tiler.model.card import find_card
from tiler.model.graph_report import GraphReport
from tiler.model.session import open_session
from tiler.progress import Silent
from tiler.recipe import plan_for
from tiler.sidecar import is_done

EXAMPLE = Path(__file__).parents[1] / "examples" / "portrait.jpg"


class Fake(ColourKey):
    """A colour key in the place of the session."""

    card = find_card("modnet")
    sha256 = "0" * 64
    precision = "f32"
    device = "cpu"
    graph_report = GraphReport((), (), 0, 0)

    def close(self):
        pass


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(subject, "open_session", lambda *_: Fake())


@pytest.fixture
def photo(tmp_path):
    y, x = np.mgrid[:1200, :900]
    red = np.clip((0.35 - np.hypot(y - 600, x - 450) / 900) * 12 + 0.5, 0, 1) * 255
    path = tmp_path / "photo.png"
    Image.fromarray(np.stack([red, 255 - red, red // 2], axis=-1).astype(np.uint8)).save(path)
    return path


@pytest.mark.usefixtures("fake")
def test_an_output_that_is_a_link_leaves_the_link_and_sweeps_beside_its_target(photo, tmp_path, monkeypatch):
    (tmp_path / "store").mkdir()
    link, target = tmp_path / "link.tif", tmp_path / "store" / "target.tif"
    link.symlink_to(target)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(ZeroDivisionError), atomic_file(target):
        raise ZeroDivisionError
    monkeypatch.undo()
    monkeypatch.setattr(subject, "open_session", lambda *_: Fake())
    assert len(list(target.parent.iterdir())) == 1
    tiler.matte(photo, link)
    assert link.is_symlink()
    assert [path.name for path in target.parent.iterdir()] == ["target.tif"]


@pytest.mark.usefixtures("fake")
def test_what_the_output_cannot_hold_is_said_before_any_work(photo, tmp_path):
    info = PngInfo()
    info.add_text("Comment", "a text")
    Image.open(photo).save(photo, pnginfo=info)

    class Ordered(Silent):
        def __init__(self):
            self.heard = []

        def stage(self, name, _total):
            self.heard.append(name)

        def note(self, text):
            self.heard.append(text)

    progress = Ordered()
    tiler.matte(photo, tmp_path / "out.tif", progress=progress)
    said = next(at for at, text in enumerate(progress.heard) if "no place for the picture's comments" in text)
    assert said < progress.heard.index("read and halve")
    assert sum("comments" in text for text in progress.heard) == 1


@pytest.mark.usefixtures("fake")
def test_colours_are_the_photos_own_if_asked_for_and_alpha_is_added(photo, tmp_path):
    report = tiler.matte(photo, tmp_path / "out.png", tiler.Settings.of(colours="source"))
    out = np.asarray(Image.open(tmp_path / "out.png"))
    pixels = np.asarray(Image.open(photo))
    assert (out[..., :3] == pixels).all()
    # A colour key is exact at every scale, so fused and feathered it is still itself, but for the guide's blur.
    assert np.abs(out[..., 3] / 255.0 - ColourKey().alpha(to_network(pixels))).mean() < 0.003
    assert report.shape == (1200, 900)
    assert report.tiles_run > 0
    assert list(report.seconds) == ["load model", "read and halve", "matte", "export"]


@pytest.mark.usefixtures("fake")
def test_the_same_picture_twice_gives_the_same_bytes(photo, tmp_path):
    tiler.matte(photo, tmp_path / "one.png", tiler.Settings.of(threads=1))
    tiler.matte(photo, tmp_path / "two.png", tiler.Settings.of(threads=4))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.usefixtures("fake")
def test_nothing_is_left_beside_the_output_or_in_the_work_dir(photo, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    tiler.matte(photo, tmp_path / "out.png", tiler.Settings.of(work_dir=work))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.png",
        "out.png.matte.json",
        "photo.png",
        "work",
    ]
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("interruption", "raised"), [(KeyboardInterrupt, KeyboardInterrupt), (MemoryError, tiler.ModelError)]
)
def test_a_run_that_is_stopped_leaves_its_work_and_the_old_output(photo, tmp_path, monkeypatch, interruption, raised):
    class Stops(Fake):
        def alpha(self, _rgb):
            raise interruption

    monkeypatch.setattr(subject, "open_session", lambda *_: Stops())
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "out.png").write_bytes(b"yesterday's")
    with pytest.raises(raised):
        tiler.matte(photo, tmp_path / "out.png", tiler.Settings.of(work_dir=work))
    assert (tmp_path / "out.png").read_bytes() == b"yesterday's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png", "photo.png", "work"]
    assert len(list(work.glob("out.png-*.tiler/recipe.json"))) == 1


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(("says", "asked", "wraps"), [(True, None, True), (False, None, False), (True, False, False)])
def test_a_panorama_wraps_if_it_says_so_and_nobody_objects(tmp_path, monkeypatch, says, asked, wraps):
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" '
        'GPano:ProjectionType="equirectangular"/></rdf:RDF></x:xmpmeta>'
    )
    kept = PngInfo()
    if says:
        kept.add_itxt("XML:com.adobe.xmp", packet)
    Image.new("RGB", (80, 40), "red").save(tmp_path / "turn.png", pnginfo=kept)
    plans = []
    planned = subject.plan_for
    monkeypatch.setattr(subject, "plan_for", lambda *a, **k: plans.append(planned(*a, **k)) or plans[-1])
    tiler.matte(tmp_path / "turn.png", tmp_path / "out.png", tiler.Settings.of(wrap=asked))
    assert plans[0].levels[0].cols.wraps == wraps


@pytest.mark.usefixtures("fake")
def test_every_stage_is_told_and_ends_where_it_should(photo, tmp_path):
    progress = RecordedProgress()
    tiler.matte(photo, tmp_path / "out.png", progress=progress)
    assert [total for _, total in progress.stages] == progress.steps


def test_a_work_dir_that_is_not_there_is_an_error_that_names_it(photo, tmp_path):
    with pytest.raises(tiler.OutputError, match="nowhere"):
        tiler.matte(photo, tmp_path / "out.png", tiler.Settings.of(work_dir=tmp_path / "nowhere"))


def test_an_overlap_too_large_for_the_models_tiles_is_refused():
    with pytest.raises(tiler.SettingsError, match="256 or less"):
        plan_for((4000, 4000), find_card("modnet"), tiler.MattingOptions(overlap_px=300))


def test_small_tiles_take_a_small_overlap():
    plan = plan_for((4000, 4000), find_card("modnet"), tiler.MattingOptions(tile_px=128))
    assert plan.levels[0].rows.tile_px == 128


def test_the_embedded_network_on_a_small_picture_is_the_network_called_directly(tmp_path):
    small = Image.open(EXAMPLE).resize((400, 500), Image.Resampling.LANCZOS)
    small.save(tmp_path / "small.png")
    settings = tiler.Settings.of(alpha_only=True, bits=16, precision="f32", views=1)
    report = tiler.matte(tmp_path / "small.png", tmp_path / "alpha.png", settings)
    session = open_session(settings.compute, Silent())
    expected = session.alpha(to_network(np.asarray(small)))
    session.close()
    found = np.asarray(Image.open(tmp_path / "alpha.png"))
    assert (found == np.rint(expected * 65535)).all()
    assert 0.2 < expected.mean() < 0.9
    assert (report.tiles_run, report.tiles_skipped) == (1, 0)


@pytest.mark.usefixtures("fake")
def test_seams_are_reported_kept_and_put_on_a_page(photo, tmp_path):
    settings = tiler.Settings.of(
        snapshot=tmp_path / "snapshot.npz", html=tmp_path / "page.html", tile_px=256, overlap_px=64
    )
    report = tiler.matte(photo, tmp_path / "out.png", settings)
    snapshot = load(tmp_path / "snapshot.npz")
    assert report.seams == judge(snapshot.seams)
    assert report.seams.count > 0
    assert snapshot.shape == (1200, 900)
    assert "photo.png" in (tmp_path / "page.html").read_text()
    assert not [path.name for path in tmp_path.iterdir() if ".part" in path.name]


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("option", ["snapshot", "html", "report"])
def test_a_place_that_cannot_be_is_told_before_the_work(photo, tmp_path, option):
    settings = tiler.Settings.of(**{option: tmp_path / "nowhere" / "file"})
    with pytest.raises(tiler.OutputError, match="no such directory"):
        tiler.matte(photo, tmp_path / "out.png", settings)
    assert not (tmp_path / "out.png").exists()


def test_what_was_mended_is_in_the_report_and_the_sidecar(photo, tmp_path, monkeypatch):
    class Seeing(Fake):
        def alpha(self, rgb):
            return np.maximum(super().alpha(rgb), np.float32(crc32(rgb.tobytes()) % 2))

    monkeypatch.setattr(subject, "open_session", lambda *_: Seeing())
    bad = {"guide_px": 128, "tile_px": 256, "overlap_px": 32, "dense_levels": 1}
    left, repaired = (
        tiler.matte(photo, tmp_path / f"{repair}.png", tiler.Settings.of(**bad, repair=repair))
        for repair in (False, True)
    )
    repairs = [level.repair for level in repaired.levels]
    assert all(level.repair is None for level in left.levels)
    assert sum(one.above for one in repairs) > 0
    assert sum(one.left for one in repairs) == repaired.seams.above
    kept = json.loads((tmp_path / "True.png.matte.json").read_text())
    assert [level["repair"] for level in kept["levels"]] == [asdict(one) for one in repairs]
    assert kept["recipe"]["--repair"] is True


@pytest.mark.usefixtures("fake")
def test_without_detail_the_base_alone_runs_and_the_sidecar_says_so(photo, tmp_path):
    """A quick look: what comes out is the small alpha enlarged, softer than with tiles and nowhere far from it."""
    full = tiler.matte(photo, tmp_path / "full.png", tiler.Settings.of(alpha_only=True, views=1))
    quick = tiler.matte(photo, tmp_path / "quick.png", tiler.Settings.of(alpha_only=True, views=1, detail="none"))
    assert quick.tiles_run == 1 < full.tiles_run
    kept = json.loads((tmp_path / "quick.png.matte.json").read_text())
    assert kept["recipe"]["--detail"] == "none"
    soft, sharp = (np.asarray(Image.open(tmp_path / name)).astype(float) for name in ("quick.png", "full.png"))
    assert 0 < np.abs(soft - sharp).mean() < 3
    assert np.abs(np.diff(soft)).max() < np.abs(np.diff(sharp)).max()


def alpha_of(path):
    return np.asarray(Image.open(path)).astype(np.int64)


@pytest.fixture
def hinted(photo, tmp_path, monkeypatch):
    """Matte the photo, small and quick, with hints; returns (alpha, 16 bit; the shapes that the network saw)."""
    seen = []

    class Watched(Fake):
        def alpha(self, rgb):
            seen.append(rgb.shape[:2])
            return super().alpha(rgb)

    monkeypatch.setattr(subject, "open_session", lambda *_: Watched())

    def matte(**options):
        seen.clear()
        small = tiler.Settings.of(guide_px=150, tile_px=160, overlap_px=32, alpha_only=True, bits=16, threads=1)
        tiler.matte(photo, tmp_path / "out.png", small.with_options(**options))
        return alpha_of(tmp_path / "out.png"), list(seen)

    return matte


def test_a_guide_of_ones_own_takes_the_place_of_the_small_picture(hinted, tmp_path):
    Image.new("L", (45, 60), 102).save(tmp_path / "guide.png")
    alpha, seen = hinted(guide=tmp_path / "guide.png", detail="none")
    assert not seen
    assert np.abs(alpha - round(0.4 * 65535)).max() <= 1


def test_what_a_trimap_knows_is_kept_exactly(hinted, tmp_path):
    known = np.full((1200, 900), 128, np.uint8)
    known[:, :301], known[500:700, 430:433] = 255, 0
    Image.fromarray(known).save(tmp_path / "trimap.png")
    for options in ({}, {"detail": "none"}, {"dense_levels": 1}, {"route": "dense", "repair": True}):
        alpha, _ = hinted(trimap=tmp_path / "trimap.png", **options)
        assert (alpha[known == 255] == 65535).all(), options
        assert (alpha[known == 0] == 0).all(), options
    assert 0 < alpha[known == 128].mean() < 65535


def test_outside_of_the_rectangles_the_guide_stands_and_no_tile_runs(hinted):
    whole, ran = hinted(network_levels="all")
    guide, _ = hinted(network_levels="all", detail="none")
    part, ran_in_part = hinted(network_levels="all", roi=("80,540,140,120",))
    assert len(ran_in_part) < len(ran)
    inside = np.s_[570:630, 110:180]
    assert np.abs(part[inside] - whole[inside]).mean() < 0.1 * np.abs(guide[inside] - whole[inside]).mean()
    assert (part[:, 600:] == guide[:, 600:]).all()
    assert (whole[:, 600:] != guide[:, 600:]).any()


def test_a_rectangle_outside_of_the_picture_is_refused(hinted):
    with pytest.raises(tiler.TilerError, match=r"--roi 800,0,101,10 does not lie in .*900 x 1200 px"):
        hinted(roi=("800,0,101,10",))


@pytest.mark.parametrize("option", ["guide", "trimap"])
def test_a_hint_that_changes_is_another_recipe(hinted, photo, tmp_path, option):
    hint, output = tmp_path / "hint.png", tmp_path / "out.png"
    Image.new("L", (900, 1200), 128).save(hint)
    settings = tiler.Settings.of(guide_px=150, tile_px=160, alpha_only=True, bits=16, threads=1, **{option: hint})
    hinted(**{option: hint}, overlap_px=None)
    assert is_done(photo, output, settings, Fake())
    Image.new("L", (900, 1200), 129).save(hint)
    assert not is_done(photo, output, settings, Fake())
    hint.unlink()
    with pytest.raises(tiler.TilerError, match="there is no such file"):
        hinted(**{option: hint})


@pytest.mark.parametrize("name", ["x" * 245 + ".png", "/".join(["y" * 200] * 25) + "/x.png", "x" * 300 + ".png"])
def test_a_name_with_no_room_for_what_lies_beside_it_is_refused_before_the_work(photo, tmp_path, name):
    progress = RecordedProgress()
    (tmp_path / "work").mkdir()
    for work_dir in (None, tmp_path / "work"):
        with pytest.raises(tiler.TilerError, match="too long"):
            tiler.matte(photo, tmp_path / name, tiler.Settings.of(work_dir=work_dir), progress, model=Fake())
    assert progress.stages == []


def test_the_longest_name_that_is_taken_is_written_with_all_that_lies_beside_it(photo, tmp_path):
    out = tmp_path / ("ä" * 120 + ".png")
    tiler.matte(photo, out, tiler.Settings.of(detail="none", views=1), model=Fake())
    assert is_done(photo, out, tiler.Settings.of(detail="none", views=1), Fake())


def with_alpha(path, form, under):
    """Write a red disc whose left half was cut away before, with `under` in its place, and return its alpha."""
    y, x = np.mgrid[:150, :130]
    red = np.clip((0.35 - np.hypot(y - 75, x - 65) / 130) * 12 + 0.5, 0, 1) * 255
    rgb = np.stack([red, 255 - red, red // 2], axis=-1).astype(np.uint8)
    own = np.full((150, 130), 255, np.uint8)
    own[:, :60], own[100:, 60:] = 0, 128
    rgb[:, :60] = under
    if form == "associated":
        pixels = np.dstack([np.rint(rgb * (own[..., None] / 255)).astype(np.uint8), own])
        tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    else:
        Image.fromarray(np.dstack([rgb, own])).save(
            path, form, **({"lossless": True, "exact": True} if form == "WEBP" else {})
        )
    return rgb, own


SMALL = tiler.Settings.of(guide_px=48, tile_px=48, overlap_px=12, threads=2)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "JPEG2000", "associated"])
def test_what_was_cut_away_before_does_not_come_back(tmp_path, form):
    rgb, own = with_alpha(tmp_path / "picture", form, (255, 0, 0))
    progress = RecordedProgress()
    tiler.matte(tmp_path / "picture", tmp_path / "out.tif", SMALL, progress)
    out = tifffile.imread(tmp_path / "out.tif")
    assert any("own alpha is multiplied" in note for note in progress.notes)
    assert not out[own == 0, 3].any()
    half = out[..., 3].astype(int)[100:, 60:]
    assert 100 < half.max() <= 128
    assert out[:100, 60:, 3].max() == 255
    # The colours are the file's own; multiplied ones are divided, up to rounding.
    off = np.abs(out[..., :3].astype(int) - rgb)[own > 0]
    assert off.max() <= (1 if form == "associated" else 0)


@pytest.mark.usefixtures("fake")
def test_what_lies_under_transparency_does_not_shape_the_alpha(tmp_path):
    outs = []
    for under in ((255, 0, 0), (0, 0, 0)):
        with_alpha(tmp_path / "picture.png", "PNG", under)
        tiler.matte(tmp_path / "picture.png", tmp_path / "out.png", SMALL.with_options(alpha_only=True, bits=16))
        outs.append(np.asarray(Image.open(tmp_path / "out.png")))
        (tmp_path / "out.png").unlink()
    np.testing.assert_array_equal(*outs)
    assert not outs[0][:, :60].any()


@pytest.mark.usefixtures("fake")
def test_an_alpha_that_is_ignored_changes_nothing_and_is_another_recipe(tmp_path):
    rgb, _ = with_alpha(tmp_path / "picture.png", "PNG", (255, 0, 0))
    Image.fromarray(rgb).save(tmp_path / "opaque.png")
    progress = RecordedProgress()
    tiler.matte(tmp_path / "picture.png", tmp_path / "out.png", SMALL.with_options(ignore_alpha=True), progress)
    tiler.matte(tmp_path / "opaque.png", tmp_path / "same.png", SMALL)
    np.testing.assert_array_equal(Image.open(tmp_path / "out.png"), Image.open(tmp_path / "same.png"))
    assert not any("own alpha" in note for note in progress.notes)
    parts = json.loads((tmp_path / "out.png.matte.json").read_text())
    assert "--ignore-alpha" in json.dumps(parts)


@pytest.mark.usefixtures("fake")
def test_an_alpha_that_is_opaque_throughout_is_as_none(tmp_path):
    rgb, own = with_alpha(tmp_path / "picture.png", "PNG", (255, 0, 0))
    Image.fromarray(rgb).save(tmp_path / "none.png")
    Image.fromarray(np.dstack([rgb, np.full_like(own, 255)])).save(tmp_path / "opaque.png")
    progress = RecordedProgress()
    for name in ("none", "opaque"):
        tiler.matte(tmp_path / f"{name}.png", tmp_path / f"{name}.tif", SMALL, progress)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "none.tif"), tifffile.imread(tmp_path / "opaque.tif"))
    assert not any("own alpha" in note for note in progress.notes)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(("suffix", "said"), [(".tif", "the output keeps it"), (".png", "it is cut to that range")])
def test_light_beyond_0_to_1_is_said(tmp_path, suffix, said):
    light = np.full((60, 70, 3), 0.5, np.float32)
    for brightest, wanted in ((1, False), (7, True)):
        light[20, 30] = brightest
        tifffile.imwrite(tmp_path / "light.tif", light, photometric="rgb", metadata=None)
        progress = RecordedProgress()
        tiler.matte(tmp_path / "light.tif", tmp_path / f"out{brightest}{suffix}", SMALL, progress)
        assert any(said in note for note in progress.notes) == wanted


def test_the_work_folder_goes_after_the_sidecar(photo, tmp_path, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run, "write_sidecar", killed)
        with pytest.raises(KeyboardInterrupt):
            tiler.matte(photo, tmp_path / "out.png", SMALL, model=Fake())
    written = (tmp_path / "out.png").read_bytes()
    assert (tmp_path / "out.png.tiler" / "recipe.json").exists()
    progress = RecordedProgress()
    tiler.matte(photo, tmp_path / "out.png", SMALL, progress, model=Fake())
    assert not any(total for name, total in progress.stages if name.startswith("level")), "no tile ran again"
    assert (tmp_path / "out.png").read_bytes() == written
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png", "out.png.matte.json", "photo.png"]


def test_the_sidecar_has_the_sha256_of_what_was_written(photo, tmp_path, monkeypatch):
    def meddled(*_):
        with (tmp_path / "out.png").open("ab") as file:
            file.write(b"?")

    monkeypatch.setattr(run, "_write_reports", meddled)
    tiler.matte(photo, tmp_path / "out.png", SMALL, model=Fake())
    said = json.loads((tmp_path / "out.png.matte.json").read_text())["output"]["sha256"]
    assert said == sha256((tmp_path / "out.png").read_bytes()[:-1]).hexdigest()
    assert not is_done(photo, tmp_path / "out.png", SMALL, Fake())
