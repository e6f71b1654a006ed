import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import imagecodecs
import numpy as np
import pytest
import pyvips
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.image import kinds
from tests.image.pictures import SRGB, boxes, noise, own, tiff_layouts, write_tiff
from tiler.core.geometry import Box, Span
from tiler.errors import InputError
from tiler.image.open import open_source
from tiler.image.own_alpha import straight
from tiler.image.read import tiff


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tiff") / "picture.tif"


@given(st.data(), tiff_layouts(), st.integers(1, 70), st.integers(1, 70))
def test_any_window_of_any_layout_is_that_window_of_the_picture(path, data, layout, height, width):
    pixels = write_tiff(path, (height, width), **layout)
    with closing(open_source(path)) as source:
        assert (source.shape, source.dtype, source.random_access) == ((height, width), pixels.dtype, True)
        for _ in range(3):
            box = data.draw(boxes(source.shape))
            np.testing.assert_array_equal(source.read(box), own(pixels)[box.slices])


@given(st.data(), st.integers(1, 70), st.integers(1, 60))
def test_uncompressed_strips_are_cut_anywhere(path, data, rows, piece_rows):
    pixels = write_tiff(path, (70, 40), rowsperstrip=rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiff, "PIECE_BYTES", piece_rows * 40 * 3)
        with closing(open_source(path)) as source:
            box = data.draw(boxes(source.shape))
            np.testing.assert_array_equal(source.read(box), pixels[box.slices])


@given(tiff_layouts().filter(lambda layout: "tile" not in layout and layout["compression"] not in (None, "zstd")))
def test_a_huge_strip_is_read_from_top_to_bottom(path, layout):
    pixels = write_tiff(path, (67, 45), **layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiff, "MOST_STRIP_BYTES", 0)
        with closing(open_source(path)) as source:
            assert not source.random_access
            bands = [source.read(Box(Span(start, min(start + 20, 67)), Span(0, 45))) for start in range(0, 67, 20)]
            np.testing.assert_array_equal(np.concatenate(bands), own(pixels))


def test_a_huge_strip_that_libvips_would_read_as_zeros_is_refused(path, monkeypatch):
    write_tiff(path, (67, 45), compression="zstd", rowsperstrip=67)
    monkeypatch.setattr(tiff, "MOST_STRIP_BYTES", 0)
    with pytest.raises(InputError, match="huge strips, and ZSTD"):
        open_source(path)


def test_strips_too_wide_for_the_cache_are_read_once(path, monkeypatch):
    write_tiff(path, (67, 45), rowsperstrip=8)
    monkeypatch.setattr(tiff, "STRIPS_BYTES", 1000)
    with closing(open_source(path)) as source:
        assert not source.random_access


def test_many_threads_read_what_one_thread_reads(path):
    pixels = write_tiff(path, (300, 300), tile=(32, 32), compression="zlib")
    with closing(open_source(path)) as source:
        windows = [Box(Span(y, y + 90), Span(x, x + 90)) for y in range(0, 210, 30) for x in range(0, 210, 30)]
        with ThreadPoolExecutor(6) as threads:
            for box, got in zip(windows, threads.map(source.read, windows), strict=True):
                np.testing.assert_array_equal(got, pixels[box.slices])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_stored_as_zero_is_read_as_white(path, dtype):
    pixels = write_tiff(path, (20, 30), samples=1, dtype=dtype, photometric="miniswhite")
    with closing(open_source(path)) as source:
        np.testing.assert_array_equal(source.read(Box.whole((20, 30))), own(~pixels))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_is_read_upright(path, orientation):
    pixels = write_tiff(path, (20, 31), compression="lzw", extratags=[(274, 3, 1, orientation, False)])
    upright = np.asarray(Image.fromarray(pixels))
    if orientation != 1:
        turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}[orientation]
        upright = np.asarray(Image.fromarray(pixels).transpose(Image.Transpose(turn)))
    with closing(open_source(path)) as source:
        np.testing.assert_array_equal(source.read(Box.whole(source.shape)), upright)


@pytest.mark.parametrize(("unit", "dpi"), [("inch", (300, 240)), ("centimeter", (762, 609.6)), ("none", None)])
def test_profile_and_resolution_are_kept(path, unit, dpi):
    write_tiff(path, (20, 30), iccprofile=SRGB, resolution=(300, 240), resolutionunit=unit)
    with closing(open_source(path)) as source:
        assert source.metadata.icc == SRGB
        assert source.metadata.dpi == (pytest.approx(dpi) if dpi else None)


def test_a_plain_tiff_has_no_metadata(path):
    write_tiff(path, (20, 30))
    with closing(open_source(path)) as source:
        assert (source.metadata.icc, source.metadata.dpi) == (None, None)


def test_the_first_page_is_the_picture(path):
    pages = noise((3, 20, 30, 3), np.uint8)
    tifffile.imwrite(path, pages, photometric="rgb")
    with closing(open_source(path)) as source:
        np.testing.assert_array_equal(source.read(Box.whole((20, 30))), pages[0])
        assert source.metadata.notes == ("The first of 3 pages is read.",)


def test_overviews_are_no_further_pages(path):
    pixels = noise((64, 64, 3), np.uint8)
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, photometric="rgb", tile=(16, 16), metadata=None)
        file.write(pixels[::2, ::2], photometric="rgb", tile=(16, 16), subfiletype=1, metadata=None)
    with closing(open_source(path)) as source:
        np.testing.assert_array_equal(source.read(Box.whole((64, 64))), pixels)
        assert source.metadata.notes == ()


@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize(
    ("dtype", "samples", "photometric"),
    [
        (np.uint8, 4, "separated"),
        (np.uint16, 4, "separated"),
        (np.float16, 3, "rgb"),
        (np.float32, 1, "minisblack"),
        (np.float64, 3, "rgb"),
    ],
)
def test_separate_planes_of_every_depth(path, dtype, samples, photometric, byteorder):
    pixels = noise((samples, 20, 30), np.uint16).astype(dtype)
    more = {"planarconfig": "separate"} if samples > 1 else {}
    stored = pixels if samples > 1 else pixels[0]
    tifffile.imwrite(path, stored, photometric=photometric, byteorder=byteorder, metadata=None, **more)
    with closing(open_source(path)) as source:
        want = np.moveaxis(pixels, 0, 2)
        want = want if want.dtype.kind == "u" else want.astype(np.float32)
        np.testing.assert_array_equal(source.read(Box.whole((20, 30))), want)


@pytest.mark.parametrize(
    ("keywords", "kind"),
    [
        ({"dtype": np.int16}, "16 bit signed"),
        ({"subfiletype": 1}, "preview"),
        ({"extratags": [(50706, 1, 4, (1, 4, 0, 0), False)]}, "raw file"),
    ],
)
def test_a_kind_that_is_not_read_is_named(path, keywords, kind):
    keywords = {"photometric": "rgb", "dtype": np.uint8, "shape": (20, 30, 3), **keywords}
    pixels = np.zeros(keywords.pop("shape"), keywords.pop("dtype"))
    tifffile.imwrite(path, pixels, **keywords)
    with pytest.raises(InputError, match=kind) as error:
        open_source(path)
    assert str(path) in error.value.what


@pytest.mark.parametrize("tag", [324, 325])
def test_a_tile_that_was_never_written_is_no_black_tile(path, tag):
    write_tiff(path, (70, 70), tile=(32, 32), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        entry = file.pages.first.tags[tag]
        entry.overwrite((*entry.value[:4], 0, *entry.value[5:]))
    with pytest.raises(InputError, match="never written"):
        open_source(path)


@given(st.data(), tiff_layouts().filter(lambda layout: layout["samples"] != 4))
def test_damaged_pixels_are_never_made_up(path, data, layout):
    """Pixels overwritten with zeros are refused, if their compression has a header that tells."""
    write_tiff(path, (50, 40), **layout)
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        index = data.draw(st.integers(0, len(page.dataoffsets) - 1))
        offset, size = page.dataoffsets[index], page.databytecounts[index]
    raw = bytearray(path.read_bytes())
    raw[offset : offset + size] = bytes(size)
    path.write_bytes(raw)
    with closing(open_source(path)) as source:
        if layout["compression"] in ("zlib", "zstd"):
            with pytest.raises(InputError, match="damaged"):
                source.read(Box.whole(source.shape))
        else:
            with suppress(InputError):
                source.read(Box.whole(source.shape))


@pytest.mark.parametrize("tile", [(32, 32), None])
def test_jpeg_tables_that_all_segments_share_are_used(path, tile):
    smooth = kinds.picture((64, 96))
    pyvips.Image.new_from_array(smooth).tiffsave(
        str(path), compression="jpeg", Q=97, **({"tile": True, "tile_width": 32, "tile_height": 32} if tile else {})
    )
    with tifffile.TiffFile(path) as file:
        assert file.pages.first.jpegtables is not None
    with closing(open_source(path)) as source:
        assert np.abs(source.read(Box.whole(source.shape)).astype(int) - smooth).max() < 12


def test_a_jpeg_segment_is_checked_once_and_a_damaged_one_whenever_it_is_read(path, monkeypatch):
    tifffile.imwrite(path, kinds.picture((64, 96)), compression="jpeg", tile=(32, 32), metadata=None)
    checked = []

    def check(data, _tables):
        checked.append(data)
        if len(checked) > 6:
            raise ValueError("damaged")

    monkeypatch.setattr(tiff, "check_jpeg", check)
    monkeypatch.setattr(tiff, "TILES_BYTES", 1)
    with closing(open_source(path)) as source:
        for _ in range(3):
            source.read(Box.whole(source.shape))
        assert len(checked) == 6
    with closing(open_source(path)) as source:
        for _ in range(2):
            with pytest.raises(InputError):
                source.read(Box.whole(source.shape))
    assert len(checked) == 8


ALPHAS = [("unassalpha", "straight"), ("assocalpha", "associated"), ("unspecified", None)]


@pytest.mark.parametrize(("kind", "alpha"), ALPHAS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("layout", [{"tile": (32, 32)}, {"planarconfig": "separate", "rowsperstrip": 9}, {}])
def test_an_alpha_of_its_own_is_read_and_colours_multiplied_by_it_are_divided(path, kind, alpha, dtype, layout):
    pixels = noise((40, 50, 4), np.uint16)
    pixels = (pixels / 65535).astype(dtype) if dtype == np.float32 else (pixels >> (0 if dtype == np.uint16 else 8))
    pixels = pixels.astype(dtype)
    stored = np.moveaxis(pixels, 2, 0) if "planarconfig" in layout else pixels
    tifffile.imwrite(path, stored, photometric="rgb", extrasamples=[kind], metadata=None, **layout)
    with closing(open_source(path)) as source:
        assert source.has_alpha == (alpha is not None)
        wanted = {"straight": pixels, "associated": straight(pixels), None: pixels[..., :3]}[alpha]
        np.testing.assert_array_equal(source.read(Box(Span(3, 30), Span(5, 50))), wanted[3:30, 5:])
        assert any("further channels" in note for note in source.metadata.notes) == (alpha is None)


@pytest.mark.parametrize(("kind", "alpha"), ALPHAS)
def test_so_it_is_of_a_huge_strip(path, monkeypatch, kind, alpha):
    monkeypatch.setattr(tiff, "MOST_STRIP_BYTES", 0)
    pixels = noise((40, 50, 4), np.uint8)
    tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=[kind], metadata=None, compression="zlib")
    with closing(open_source(path)) as source:
        assert not source.random_access
        wanted = {"straight": pixels, "associated": straight(pixels), None: pixels[..., :3]}[alpha]
        found = source.read(Box(Span(0, 40), Span(0, 50)))
        # libvips rounds down when it divides.
        assert np.abs(found.astype(int) - wanted).max() <= (alpha == "associated")


def test_an_iiq_is_a_raw_file_and_not_its_preview(path):
    tifffile.imwrite(path, np.full((1, 1, 3), 85, np.uint8), photometric="rgb", metadata=None)
    data = path.read_bytes()
    # The raw picture lies behind the header; its directory comes last.
    moved = struct.pack("<I", len(data) + 16)
    path.write_bytes(data[:4] + moved + b"IIIICwaR" + data[8:] + bytes(8) + data[8:])
    with pytest.raises(InputError, match="raw file"):
        open_source(path)


def write_palette(path, samples, table, **more):
    """Write (h, w, 2) index and alpha with a palette of (256, 3) uint16; planes if `more` says so."""
    stored = np.moveaxis(samples, 2, 0) if "planarconfig" in more else samples
    extra = [(320, "H", table.size, tuple(table.T.ravel().tolist()), False)]
    kind = {"photometric": "minisblack", "extrasamples": ["unassalpha"], "metadata": None}
    tifffile.imwrite(path, stored, **{"planarconfig": "contig", **kind, **more}, extratags=extra)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags[262].overwrite(3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_alpha_behind_a_palette_index_is_read(path, dtype):
    samples, table = noise((20, 30, 2), np.uint8), noise((256, 3), np.uint16)
    table = table if dtype == np.uint16 else (table >> 8) * 257
    write_palette(path, samples, table, compression="zlib", rowsperstrip=7)
    with closing(open_source(path)) as source:
        assert (source.has_alpha, source.dtype) == (True, dtype)
        found = source.read(Box.whole((20, 30)))
    factor = 257 if dtype == np.uint8 else 1
    np.testing.assert_array_equal(found[..., :3].astype(np.uint16) * factor, table[samples[..., 0]])
    np.testing.assert_array_equal(found[..., 3], samples[..., 1] * np.array(257 // factor, dtype))


def test_a_palette_index_in_a_plane_of_its_own_is_refused(path):
    write_palette(path, noise((20, 30, 2), np.uint8), noise((256, 3), np.uint16), planarconfig="separate")
    with pytest.raises(InputError, match="palette"):
        open_source(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_white_stored_as_zero_says_nothing_of_alpha(path, dtype, layout):
    pixels = (noise((20, 30, 2), np.uint8) / (255 if dtype == np.float32 else 1)).astype(dtype)
    stored = np.moveaxis(pixels, 2, 0) if layout == "separate" else pixels
    kind = {"photometric": "miniswhite", "extrasamples": ["unassalpha"], "planarconfig": layout, "metadata": None}
    tifffile.imwrite(path, stored, **kind, compression="zlib")
    with closing(open_source(path)) as source:
        found = source.read(Box.whole((20, 30)))
        assert any("WhiteIsZero" in note for note in source.metadata.notes) == (dtype == np.float32)
    np.testing.assert_array_equal(found[..., 0], (1 if dtype == np.float32 else 255) - pixels[..., 0])
    np.testing.assert_array_equal(found[..., 1], pixels[..., 1])


@pytest.mark.parametrize("compression", ["deflate", "zstd", "packbits", "lzw", "lzma"])
def test_a_last_strip_with_more_rows_than_the_picture_is_cut(path, compression):
    pixels = write_tiff(path, (32, 30), compression=compression, rowsperstrip=16)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags[257].overwrite(20)
    with closing(open_source(path)) as source:
        np.testing.assert_array_equal(source.read(Box.whole((20, 30))), pixels[:20])


@pytest.mark.parametrize("stated", [{"bits": 8, "samples": 4}, {"bits": 16, "samples": 3}])
def test_segments_of_another_kind_than_the_header_states_are_refused(path, stated):
    """Segments whose own headers say three samples of 8 bits, in a picture that states others."""
    more = {"extrasamples": ["unassalpha"]} if stated["samples"] == 4 else {}
    pixels = noise((16, 16, stated["samples"]), np.uint8 if stated["bits"] == 8 else np.uint16)
    tifffile.imwrite(path, pixels, photometric="rgb", compression="jpegxl", tile=(16, 16), metadata=None, **more)
    coded = imagecodecs.jpegxl_encode(noise((16, 16, 3), np.uint8))
    with tifffile.TiffFile(path) as file:
        offset, size = file.pages.first.dataoffsets[0], file.pages.first.databytecounts[0]
    data = bytearray(path.read_bytes())
    data[offset : offset + size] = coded.ljust(size, b"\0")[: max(size, len(coded))]
    path.write_bytes(data)
    with closing(open_source(path)) as source, pytest.raises(InputError, match="damaged"):
        source.read(Box.whole((16, 16)))
