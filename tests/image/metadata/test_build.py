"""The metadata of the output, as exiftool reads it, and the tables that hold it."""

import json
import shutil
import subprocess
from contextlib import closing
from io import BytesIO

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from tests.image.pictures import SRGB, noise
from tiler.core.geometry import Box
from tiler.image.metadata.build import exif_block, exif_tables
from tiler.image.open import open_source
from tiler.image.source import Metadata
from tiler.image.write import tiff as tiff_writer
from tiler.image.write.export import export
from tiler.progress import Silent
from tiler.settings import Settings

METADATA = {
    "IFD0:Make": "Maker",
    "IFD0:Model": "M 1",
    "IFD0:Artist": "Änn",
    "IFD0:Copyright": "(c) Ann",
    "IFD0:XResolution": 300,
    "IFD0:YResolution": 240,
    "ExifIFD:DateTimeOriginal": "2026:01:02 03:04:05",
    "ExifIFD:ExposureTime": 0.008,
    "ExifIFD:FNumber": 2.8,
    "ExifIFD:ISO": 200,
    "ExifIFD:LensModel": "50mm",
    "ExifIFD:UserComment": "hello",
    "GPS:GPSLatitude": 48.125,
    "GPS:GPSLatitudeRef": "N",
    "GPS:GPSLongitude": 11.5,
    "GPS:GPSLongitudeRef": "E",
    "XMP-dc:Title": "Tïtle",
    "XMP-dc:Creator": "Ann",
    "XMP-xmp:Rating": 4,
    "IPTC:Headline": "Head",
    "IPTC:City": "München",
    "IPTC:Keywords": ["one", "two"],
}
PROFILE = "ICC_Profile:ProfileDescription"
# The photo lies on its side, so the resolutions of rows and columns are exchanged upright.
UPRIGHT_METADATA = METADATA | {"IFD0:XResolution": 240, "IFD0:YResolution": 300}
# The groups of tags that a format cannot hold.
NOT_HELD = {
    ".webp": ("IPTC",),
    ".exr": ("IFD0", "ExifIFD", "GPS", "XMP-dc", "XMP-xmp", "IPTC", "ICC_Profile"),
}
exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")


def exiftool_tags(path):
    """Return the tags that exiftool reads, numbers as numbers."""
    output = subprocess.run(["exiftool", "-j", "-n", "-G1", str(path)], capture_output=True, check=True).stdout
    return json.loads(output)[0]


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A JPEG on its side that holds all of `METADATA`, and a thumbnail."""
    folder = tmp_path_factory.mktemp("photo")
    path, thumbnail = folder / "photo.jpg", folder / "thumbnail.jpg"
    Image.fromarray(noise((40, 60, 3), np.uint8)).save(path, icc_profile=SRGB)
    Image.fromarray(noise((12, 16, 3), np.uint8)).save(thumbnail)
    arguments = [
        f"-{name}={one}" for name, value in METADATA.items() for one in (value if isinstance(value, list) else [value])
    ]
    arguments += ["-IFD0:Orientation=6", "-ExifIFD:ExifImageWidth=60", "-ExifIFD:ExifImageHeight=40"]
    arguments += ["-IPTC:CodedCharacterSet=\x1b%G", "-IFD0:ResolutionUnit=2", f"-ThumbnailImage<={thumbnail}"]
    subprocess.run(["exiftool", "-q", "-n", "-overwrite_original", *arguments, str(path)], check=True)
    return path


def export_half_transparent(photo, path, **options):
    with closing(open_source(photo)) as source:
        settings = Settings.of(threads=1, **options)
        # A JPEG is read once, from top to bottom; here all of it is read before its bands are exported.
        pixels = source.read(Box.whole(source.shape))
        export(
            path,
            source,
            lambda box: pixels[box.slices],
            lambda box: np.full(box.shape, 40000, np.uint16),
            settings,
            Silent(),
        )
        return source.shape


@exiftool
@pytest.mark.parametrize("alpha_only", [False, True])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp", ".exr"])
def test_the_output_keeps_the_metadata_of_the_photo(photo, tmp_path, suffix, alpha_only):
    path = tmp_path / f"out{suffix}"
    height, width = export_half_transparent(photo, path, alpha_only=alpha_only, pyramid=True)
    before, after = exiftool_tags(photo), exiftool_tags(path)
    assert {name: before.get(name) for name in METADATA} == METADATA, "the photo itself"
    for name, value in UPRIGHT_METADATA.items():
        if name.split(":")[0] in NOT_HELD.get(suffix, ()) or (suffix == ".png" and "Resolution" in name):
            continue
        assert after[name] == value, name
    assert (PROFILE in after) is (not alpha_only and suffix != ".exr")
    assert not any("Thumbnail" in name for name in after)
    assert (height, width) == (60, 40)
    if suffix != ".exr":
        assert after["IFD0:Orientation"] == 1
        # In a TIFF the size stands in the first directory alone (Exif 2.32, table 17).
        table = "IFD0:" if suffix == ".tif" else "ExifIFD:Exif"
        assert (after[f"{table}ImageWidth"], after[f"{table}ImageHeight"]) == (width, height)
    if suffix == ".exr":
        assert after["OpenEXR:XResolution"] == 240
    if suffix == ".png":
        assert after["PNG-pHYs:PixelsPerUnitX"] == round(240 / 0.0254)
    assert not any("Warning" in name or "Error" in name for name in after)


@exiftool
def test_a_bigtiff_keeps_the_metadata(photo, tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_writer, "MOST_CLASSIC_BYTES", 0)
    export_half_transparent(photo, tmp_path / "out.tif")
    after = {name.split(":")[-1]: value for name, value in exiftool_tags(tmp_path / "out.tif").items()}
    for name, value in UPRIGHT_METADATA.items():
        # exiftool reads the numbers of the GPS tags in a BigTIFF as other tags.
        if not name.startswith("GPS"):
            assert after[name.split(":")[-1]] == value, name
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        assert tiff.is_bigtiff
        gps = tiff.pages.first.tags[34853].value
    assert (gps["GPSLatitudeRef"], gps["GPSLatitude"][:4]) == ("N", (48, 1, 7, 1))


@exiftool
@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp"])
def test_an_output_that_is_matted_again_keeps_the_metadata(photo, tmp_path, suffix):
    export_half_transparent(photo, tmp_path / f"once{suffix}")
    export_half_transparent(tmp_path / f"once{suffix}", tmp_path / "twice.tif")
    after = exiftool_tags(tmp_path / "twice.tif")
    for name, value in UPRIGHT_METADATA.items():
        if name.split(":")[0] not in NOT_HELD.get(suffix, ()):
            got = after.get(name)
            # PNG states whole pixels to the metre.
            assert got == (pytest.approx(value, rel=1e-4) if "Resolution" in name else value), name


@exiftool
def test_a_picture_without_metadata_gets_orientation_and_software_alone(tmp_path):
    Image.fromarray(noise((40, 60, 3), np.uint8)).save(tmp_path / "plain.png")
    export_half_transparent(tmp_path / "plain.png", tmp_path / "out.tif")
    after = exiftool_tags(tmp_path / "out.tif")
    assert after["IFD0:Orientation"] == 1
    assert after["IFD0:Software"] == "tiler"
    assert after.get("IFD0:ResolutionUnit", 1) == 1, "no unit without a resolution"
    assert not any(name.startswith(("ExifIFD", "GPS", "XMP", "IPTC", "ICC")) for name in after)


@st.composite
def exif_blocks(draw):
    """Exif blocks in either byte order, with values of several types."""
    block = Image.Exif()
    block.endian = draw(st.sampled_from("<>"))
    block[271] = draw(st.text("abc ", min_size=1, max_size=9)).strip() or "x"
    block[274] = draw(st.integers(1, 8))
    block[256] = 7
    inner = block.get_ifd(34665)
    inner[33434] = IFDRational(draw(st.integers(0, 9999)), draw(st.integers(1, 999)))
    inner[34855] = draw(st.integers(0, 65535))
    inner[37500] = draw(st.binary(min_size=5, max_size=40))
    inner[40962] = 9
    block.get_ifd(34853)[2] = (draw(st.integers(0, 90)), 30.0, 1.5)
    return block


@given(exif_blocks())
def test_values_are_the_same_in_the_new_block(block):
    after = Image.Exif()
    after.load(exif_block(Metadata(exif=block.tobytes()[6:]), (5, 4)))
    assert (after[271], after[274], 256 in after) == (block[271], 1, False)
    own, new = block.get_ifd(34665), after.get_ifd(34665)
    assert [float(new[33434]), new[34855], new[37500], new[40962]] == [float(own[33434]), own[34855], own[37500], 4]
    assert [float(v) for v in after.get_ifd(34853)[2]] == [float(v) for v in block.get_ifd(34853)[2]]


@given(st.binary(max_size=80), st.sampled_from([b"II*\0", b"MM\0*"]))
def test_damaged_entries_are_left_out(data, magic):
    tables = exif_tables(magic + data, (5, 4))
    Image.Exif().load(exif_block(Metadata(exif=magic + data), (5, 4)))
    assert {code for code, *_ in tables.main} >= {274, 305}


def test_other_readers_than_exiftool_find_the_tables(photo, tmp_path):
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    export_half_transparent(photo, tmp_path / "out.tif")
    with Image.open(tmp_path / "out.tif") as image:
        assert image.getexif().get_ifd(34665)[36867] == METADATA["ExifIFD:DateTimeOriginal"]
    with tifffile.TiffFile(BytesIO((tmp_path / "out.tif").read_bytes())) as tiff:
        assert tiff.pages.first.tags[34665].value["LensModel"] == "50mm"
