import io
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from tests.image.kinds import picture
from tiler.core.geometry import Box
from tiler.errors import InputError
from tiler.image.open import open_source
from tiler.image.read.jpeg_segments import without_stray_bytes
from tiler.image.read.vips import STRAY

FILE = io.BytesIO()
Image.fromarray(picture((64, 96))).save(FILE, "JPEG", quality=95, dpi=(300, 300))
SOUND = FILE.getvalue()
TABLES, FRAME = SOUND.index(b"\xff\xdb"), SOUND.index(b"\xff\xc0")


def read(path, data):
    path.write_bytes(data)
    with closing(open_source(path)) as source:
        return source.metadata, source.read(Box.whole(source.shape))


@pytest.mark.parametrize("stray", [b"\0", b"\0\x01\x02", b"\xff\0", b"A" * 5000])
@pytest.mark.parametrize("at", [TABLES, FRAME])
def test_stray_bytes_before_a_marker_are_passed_over_and_that_is_said(tmp_path, stray, at):
    _, wanted = read(tmp_path / "sound", SOUND)
    metadata, pixels = read(tmp_path / "picture", SOUND[:at] + stray + SOUND[at:])
    np.testing.assert_array_equal(pixels, wanted)
    assert metadata.notes == (STRAY,)
    assert metadata.dpi == pytest.approx((300, 300))


def test_fill_bytes_and_sound_files_are_not_mended(tmp_path):
    for data in (SOUND, SOUND[:TABLES] + b"\xff\xff" + SOUND[TABLES:]):
        metadata, _ = read(tmp_path / "picture", data)
        assert metadata.notes == ()
        assert without_stray_bytes(tmp_path / "picture") is None


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_file_that_is_cut_short_is_refused_with_stray_bytes_too(tmp_path, kept):
    data = SOUND[:TABLES] + b"\0\0\0" + SOUND[TABLES:]
    with pytest.raises(InputError, match="damaged or cut short"):
        read(tmp_path / "picture", data[: int(len(data) * kept)])
