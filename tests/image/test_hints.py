import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tiler.core.geometry import Box, Span
from tiler.errors import InputError
from tiler.image.hints import clamped, keep_hints, kept_hints, known_in
from tiler.settings import HintOptions


@given(st.tuples(st.integers(1, 60), st.integers(1, 60)), st.integers(1, 9), st.integers(0, 99), st.data())
def test_a_small_pixel_is_known_if_all_that_it_covers_is(full, factor, seed, data):
    shape = (-(-full[0] // factor), -(-full[1] // factor))
    trimap = np.random.default_rng(seed).choice(np.array([0, 128, 255], np.uint8), full, p=[0.48, 0.04, 0.48])
    trimap[: full[0] // 2] = 255
    top, left = data.draw(st.integers(0, shape[0] - 1)), data.draw(st.integers(0, shape[1] - 1))
    box = Box(
        Span(top, data.draw(st.integers(top + 1, shape[0]))), Span(left, data.draw(st.integers(left + 1, shape[1])))
    )
    found = known_in(trimap, box, shape)
    assert found.shape == box.shape
    for i in range(box.rows.size):
        for j in range(box.cols.size):
            r, c = box.rows.start + i, box.cols.start + j
            rows = slice(r * full[0] // shape[0], -(-(r + 1) * full[0] // shape[0]))
            cols = slice(c * full[1] // shape[1], -(-(c + 1) * full[1] // shape[1]))
            covered = np.unique(trimap[rows, cols])
            assert found[i, j] == (covered[0] if len(covered) == 1 else 128)


def test_known_pixels_are_exact_and_the_others_are_left_alone():
    alpha = np.full((1, 3), 0.3, np.float32)
    np.testing.assert_array_equal(clamped(alpha, np.array([[0, 128, 255]])), np.array([[0, 0.3, 1]], np.float32))
    assert clamped(alpha, None) is alpha


@pytest.mark.parametrize(("bits", "mode"), [(8, "L"), (16, "L"), (8, "LA"), (8, "RGBA")])
def test_a_guide_of_any_size_and_depth_is_brought_to_the_base(tmp_path, bits, mode):
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(48, axis=0)
    if bits == 16:
        tifffile.imwrite(tmp_path / "guide.tif", np.rint(ramp * 65535).astype(np.uint16))
        path = tmp_path / "guide.tif"
    else:
        grey = Image.fromarray(np.rint(ramp * 255).astype(np.uint8))
        path = tmp_path / "guide.png"
        if mode == "L":
            grey.save(path)
        else:
            Image.merge(mode, [grey.point(lambda v: 255 - v)] * (len(mode) - 1) + [grey]).save(path)
    hints = keep_hints(tmp_path / "kept", HintOptions(guide=path, trimap=None), (480, 640), (24, 32))
    assert hints.guide.shape == (24, 32)
    assert hints.trimap is None
    np.testing.assert_allclose(hints.guide[12, 2:-2], np.linspace(0, 1, 32)[2:-2], atol=0.02)
    np.testing.assert_array_equal(kept_hints(tmp_path / "kept").guide, hints.guide)


def test_a_trimap_is_kept_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).choice(np.array([0, 128, 255], np.uint8), (300, 20))
    Image.fromarray(pixels).save(tmp_path / "trimap.png")
    assert (
        keep_hints(
            tmp_path / "kept", HintOptions(guide=None, trimap=tmp_path / "trimap.png"), (300, 20), (30, 2)
        ).trimap
        == pixels
    ).all()


def test_without_files_nothing_is_known_and_no_folder_is_made(tmp_path):
    hints = keep_hints(tmp_path / "kept", HintOptions(guide=None, trimap=None), (30, 20), (3, 2))
    assert hints.guide is hints.trimap is None
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("option", ["guide", "trimap"])
def test_a_file_of_another_shape_is_refused_with_both_shapes(tmp_path, option):
    Image.new("L", (50, 40)).save(tmp_path / "hint.png")
    files = {"guide": None, "trimap": None, option: tmp_path / "hint.png"}
    with pytest.raises(InputError, match="50 x 40 px, and the picture 60 x 40 px"):
        keep_hints(tmp_path / "kept", HintOptions(guide=files["guide"], trimap=files["trimap"]), (40, 60), (4, 6))


@pytest.mark.parametrize("option", ["guide", "trimap"])
def test_what_is_no_picture_is_refused_by_its_name(tmp_path, option):
    (tmp_path / "hint.png").write_bytes(b"no picture")
    files = {"guide": None, "trimap": None, option: tmp_path / "hint.png"}
    with pytest.raises(InputError, match=r"hint\.png"):
        keep_hints(tmp_path / "kept", HintOptions(guide=files["guide"], trimap=files["trimap"]), (40, 60), (4, 6))


@pytest.mark.parametrize("option", ["guide", "trimap"])
def test_a_truncated_file_is_refused(tmp_path, option):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 600), np.uint8)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "hint.png").write_bytes(whole[: len(whole) // 2])
    files = {"guide": None, "trimap": None, option: tmp_path / "hint.png"}
    with pytest.raises(InputError, match=r"hint\.png"):
        keep_hints(tmp_path / "kept", HintOptions(guide=files["guide"], trimap=files["trimap"]), (400, 600), (40, 60))


def test_a_trimap_of_sixteen_bits_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "trimap.tif", np.zeros((40, 60), np.uint16))
    with pytest.raises(InputError, match="8 bits"):
        keep_hints(tmp_path / "kept", HintOptions(guide=None, trimap=tmp_path / "trimap.tif"), (40, 60), (4, 6))
