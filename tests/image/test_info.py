import pytest

from tests.image import kinds as made
from tests.image.kinds import kinds
from tiler.image.info import describe

KINDS = {kind.name: kind for kind in kinds()}


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_orientation_of_a_turned_jpeg_is_printed(tmp_path, orientation):
    KINDS[f"JPEG, orientation {orientation}"].write(tmp_path / "picture")
    assert f"orientation {orientation} in the file, turned upright" in describe(tmp_path / "picture")


@pytest.mark.parametrize("form", ["AVIF", "TIFF", "PNG", "WEBP"])
def test_the_orientation_is_printed_for_every_format(tmp_path, form):
    exif = made.Image.Exif()
    exif[274] = 6
    made.pillow(KINDS["PNG"].truth, form, exif=exif)(tmp_path / "picture")
    said = describe(tmp_path / "picture")
    assert "96 x 128 px" in said
    assert "orientation 6 in the file, turned upright" in said


@pytest.mark.parametrize("name", ["PNG", "JPEG", "TIFF, one strip, plain", "PSD", "JPEG 2000", "JPEG XL", "AVIF"])
def test_no_orientation_is_printed_for_an_upright_picture(tmp_path, name):
    KINDS[name].write(tmp_path / "picture")
    # The name of the directory holds the word, too.
    names = [line.split()[0] for line in describe(tmp_path / "picture").splitlines()]
    assert "size" in names
    assert "orientation" not in names


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_alpha_of_its_own_is_printed(tmp_path, mode):
    made.Image.new(mode, (40, 30)).save(tmp_path / "picture", "PNG")
    assert ("alpha       its own" in describe(tmp_path / "picture")) == (mode == "RGBA")
