"""What of the metadata goes along, and that every writer writes what is left of the wildest or says so."""

import struct
from dataclasses import replace

import numpy as np
import pytest
import pyvips
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.fakes import RecordedProgress
from tests.image.metadata.test_exif import with_interoperability
from tests.image.metadata.test_png import PQ, with_chunks
from tests.image.pictures import SRGB, ArraySource, noise
from tiler.image.metadata.png import metadata_of_png
from tiler.image.source import Metadata
from tiler.image.write import png as png_writer
from tiler.image.write.export import check_holds, export
from tiler.image.write.formats import OUTPUT_FORMATS
from tiler.progress import Silent
from tiler.settings import Settings

GREY, ALPHA = np.full((3, 4, 1), 7, np.uint8), np.zeros((3, 4), np.uint16)
COLOURS = noise((3, 4, 3), np.uint8)
LIGHT = np.ones((3, 4, 3), np.float32)
GAMMA_1 = (b"gAMA", struct.pack(">I", 100000))
GEO = [(33550, 12, 3, (1.0, 1.0, 0.0)), (34735, 3, 4, (1, 1, 0, 0))]


def notes_of(path, metadata, pixels=COLOURS, **options):
    """Write a picture with `metadata`; return what is said."""
    source, chosen, progress = (
        ArraySource(pixels, metadata=metadata),
        Settings.of(threads=1, **options),
        RecordedProgress(),
    )
    check_holds(path, source, chosen, progress)
    export(path, source, source.read, lambda box: ALPHA[box.slices], chosen, Silent())
    return progress.notes


def test_a_linear_profile_does_not_go_with_samples_on_the_curve(tmp_path):
    assert "profile does not fit" in notes_of(tmp_path / "out.png", Metadata(SRGB), LIGHT)[0]
    assert "profile does not fit" in notes_of(tmp_path / "eight.tif", Metadata(SRGB), LIGHT, bits=8)[0]
    assert notes_of(tmp_path / "out.tif", Metadata(SRGB), LIGHT) == []
    assert pyvips.Image.new_from_file(str(tmp_path / "out.png")).get_typeof("icc-profile-data") == 0
    with tifffile.TiffFile(tmp_path / "eight.tif") as eight, tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        assert 34675 not in eight.pages.first.tags
        assert 34675 in tiff.pages.first.tags


def test_the_colours_of_a_png_go_into_a_png_and_are_said_elsewhere(tmp_path):
    kept = Metadata(png_colour=((b"cICP", PQ), GAMMA_1))
    assert notes_of(tmp_path / "out.png", kept) == []
    assert metadata_of_png(tmp_path / "out.png").colour == kept.png_colour
    assert "PNG's own colour" in notes_of(tmp_path / "out.tif", kept)[0]
    usual = Metadata(png_colour=((b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45455))))
    assert notes_of(tmp_path / "out.tif", usual) == []
    assert notes_of(tmp_path / "alpha.png", kept, alpha_only=True) == []
    assert metadata_of_png(tmp_path / "alpha.png").colour == ()


def test_texts_go_into_a_png_and_are_said_elsewhere(tmp_path):
    kept = Metadata(texts=(("Comment", "bé"), ("Title", "☃")))
    assert notes_of(tmp_path / "out.png", kept) == []
    assert metadata_of_png(tmp_path / "out.png").texts == kept.texts
    assert notes_of(tmp_path / "out.webp", kept) == ["WebP has no place for the picture's comments; left out."]


def test_what_a_format_has_no_place_for_is_said(tmp_path):
    rich = Metadata(SRGB, (300.0, 300.0), None, b"<a/>", b"\x1c\x02\x05\0\1a")
    assert notes_of(tmp_path / "out.tif", rich) == []
    assert "IPTC" in notes_of(tmp_path / "out.webp", rich)[0]
    assert "XMP, IPTC" in notes_of(tmp_path / "out.exr", rich)[-1]


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
@pytest.mark.parametrize(
    "dpi", [(4294967295.0, 300.0), (300.0, 1e-6), (float("nan"), 1.0), (float("inf"), 1.0), (-1.0, 1.0)]
)
def test_a_resolution_that_no_field_holds_is_left_out_and_said(tmp_path, suffix, dpi):
    assert "no sensible one" in notes_of(tmp_path / f"out{suffix}", Metadata(dpi=dpi))[-1]


def test_a_resolution_at_the_ends_of_the_range_is_kept(tmp_path):
    for dpi in (0.0254, 4e6):
        assert notes_of(tmp_path / "out.png", Metadata(dpi=(dpi, dpi))) == []
        assert notes_of(tmp_path / "out.tif", Metadata(dpi=(dpi, dpi))) == []
        with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
            assert tiff.pages.first.get_resolution("inch")[0] == pytest.approx(dpi, rel=0.02)


def test_the_place_on_the_earth_goes_into_a_tiff_and_is_said_elsewhere(tmp_path):
    from tiler.image.open import open_source

    tags = [(code, kind, count, value, True) for code, kind, count, value in GEO]
    tifffile.imwrite(tmp_path / "in.tif", COLOURS, photometric="rgb", extratags=tags)
    source = open_source(tmp_path / "in.tif")
    assert notes_of(tmp_path / "out.tif", source.metadata) == []
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        assert [tiff.pages.first.tags[code].value for code, *_ in GEO] == [value for *_, value in GEO]
    assert "GeoTIFF" in notes_of(tmp_path / "out.png", source.metadata)[0]
    source.close()
    tifffile.imwrite(tmp_path / "in.tif", COLOURS, photometric="rgb", extratags=[*tags, (274, 3, 1, 6, True)])
    source = open_source(tmp_path / "in.tif")
    assert "before it was turned" in source.metadata.notes[0]
    assert notes_of(tmp_path / "out.png", source.metadata) == []
    source.close()


def test_a_maker_note_that_is_left_out_is_said(tmp_path):
    note = struct.pack("<HHHIIHHIII", 2, 1, 2, 8, 2**31, 3, 2, 8, 2**31, 0)
    said = notes_of(tmp_path / "out.webp", Metadata(exif=with_interoperability("R98", note=note)))
    assert said == ["The maker note of Maker in the Exif cannot be moved to another file; it is left out."]


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
def test_the_disk_has_no_part_in_what_fits(tmp_path, suffix):
    rich = Metadata(SRGB, (300.0, 300.0), None, b"<a/>", b"\x1c\x02\x05\0\1a")
    chosen, progress = Settings.of(work_dir=tmp_path / "gone"), RecordedProgress()
    check_holds(tmp_path / f"out{suffix}", ArraySource(COLOURS, metadata=rich), chosen, progress)
    assert not any("cannot hold" in note for note in progress.notes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
def test_what_a_writer_fails_on_is_found_before_the_work_and_left_out(tmp_path, suffix, monkeypatch):
    output_format = OUTPUT_FORMATS[suffix]

    def fails(file, image):
        if image.metadata.xmp or image.metadata.dpi:
            raise struct.error("no place")
        output_format.write(file, image)

    monkeypatch.setitem(OUTPUT_FORMATS, suffix, replace(output_format, write=fails))
    kept = Metadata(dpi=(300.0, 300.0), xmp=b"<a/>" if "xmp" in output_format.holds else None)
    said = notes_of(tmp_path / f"out{suffix}", kept)
    assert [note.split("picture's ")[1] for note in said][:1] == ["resolution as they are; left out."]
    assert (tmp_path / f"out{suffix}").exists()


wild_exif = st.builds(
    lambda order, rows: (
        (b"II*\0" if order == "<" else b"MM\0*")
        + struct.pack(order + "IH", 8, len(rows))
        + b"".join(struct.pack(order + "HHII", *row) for row in rows)
        + bytes(range(256))
    ),
    st.sampled_from("<>"),
    st.lists(
        st.tuples(
            st.one_of(
                st.sampled_from([270, 271, 274, 282, 283, 296, 306, 318, 33550, 34665, 34853, 40965, 37500, 50341])
            ),
            st.integers(0, 14),
            st.one_of(st.integers(0, 40), st.just(2**32 - 1)),
            st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1)),
        ),
        max_size=9,
    ),
)
wild = st.builds(
    Metadata,
    icc=st.one_of(st.none(), st.binary(max_size=200), st.just(SRGB)),
    dpi=st.one_of(st.none(), st.tuples(st.floats(), st.floats()), st.just((72.0, 72.0))),
    exif=st.one_of(st.none(), st.binary(max_size=200), wild_exif),
    xmp=st.one_of(st.none(), st.binary(max_size=200), st.text(max_size=50).map(str.encode)),
    iptc=st.one_of(st.none(), st.binary(max_size=50)),
    texts=st.lists(st.tuples(st.text(max_size=90), st.text(max_size=20)), max_size=3).map(tuple),
    png_colour=st.sampled_from([(), ((b"cICP", PQ),), ((b"gAMA", b"\0\0\0\0"),)]),
)


@settings(max_examples=150, deadline=None)
@given(wild, st.sampled_from(sorted(OUTPUT_FORMATS)), st.sampled_from([GREY, COLOURS, LIGHT]), st.booleans())
def test_every_writer_writes_the_wildest_metadata_or_says_what_it_leaves_out(
    tmp_path_factory, metadata, suffix, pixels, alpha_only
):
    path = tmp_path_factory.getbasetemp() / f"wild{suffix}"
    said = " ".join(notes_of(path, metadata, pixels, alpha_only=alpha_only))
    if suffix == ".tif":
        assert tifffile.imread(path).shape[:2] == (3, 4)
    if suffix in (".png", ".webp"):
        image = pyvips.Image.new_from_file(str(path), fail_on="warning")
        assert (image.height, image.width) == (3, 4)
    if metadata.xmp and "XMP" not in said:
        written = path.read_bytes() if path.is_file() else b""
        assert suffix == ".zarr" or metadata.xmp.removeprefix("\ufeff".encode())[:9] in written
    if metadata.iptc and "IPTC" not in said and suffix == ".tif":
        assert metadata.iptc in path.read_bytes()


def test_our_own_reader_reads_the_comments_of_a_picture(tmp_path):
    from tiler.image.open import open_source

    source = open_source(with_chunks(tmp_path / "in.png"))
    assert source.metadata.texts == ()
    source.close()
    Image.fromarray(COLOURS).save(tmp_path / "in.jpg", comment="a comment")
    source = open_source(tmp_path / "in.jpg")
    assert notes_of(tmp_path / "out.png", source.metadata) == []
    assert metadata_of_png(tmp_path / "out.png").texts == (("Comment", "a comment"),)
    source.close()


def test_a_text_is_written_as_plainly_as_it_can_be():
    from io import BytesIO

    file = BytesIO()
    for text in ("plain", "☃", "n\0l"):
        png_writer._write_text(file, "Key", text)
    assert [kind in file.getvalue() for kind in (b"tEXtKey\0plain", b"iTXtKey", b"tEXtKey\0n l")] == [True] * 3
