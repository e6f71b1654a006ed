from contextlib import closing

import numpy as np
import pytest
import tifffile
from PIL import Image

from tiler.core.geometry import Box
from tiler.errors import InputError
from tiler.image.open import open_source
from tiler.image.read.fax_check import END, check_fax_4


def written(path, pixels):
    """Write bool pixels in one strip of Group 4 fax; return where the strip lies, (first byte, the one behind it)."""
    Image.fromarray(pixels).save(path, "TIFF", compression="group4")
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        assert len(page.dataoffsets) == 1
        return page.dataoffsets[0], page.dataoffsets[0] + page.databytecounts[0]


def picture(height, width):
    return np.random.default_rng(0).random((height, width)) > 0.5


@pytest.mark.parametrize("width", [2, 63, 64, 65, 333, 2559, 2560, 2625, 5183])
@pytest.mark.parametrize("height", [1, 12])
@pytest.mark.parametrize("runs", ["short", "long"])
def test_a_sound_strip_passes_with_and_without_its_end(tmp_path, height, width, runs):
    pixels = picture(height, width) if runs == "short" else np.tile(picture(height, 1), (1, width))
    start, stop = written(tmp_path / "x.tif", pixels)
    data = (tmp_path / "x.tif").read_bytes()[start:stop]
    check_fax_4(data, height, width)
    check_fax_4(data + bytes(9), height, width)
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    endless = np.packbits(bits[: bits.tobytes().index(END)]).tobytes()
    check_fax_4(endless, height, width)
    with pytest.raises(ValueError, match="rows"):
        check_fax_4(data, height + 1, width)


def test_every_run_of_black_has_its_code():
    for width in range(1, 200):
        check_fax_4(np.packbits(np.frombuffer(END, np.uint8)).tobytes(), 0, width)


def test_a_damaged_or_cut_strip_is_refused(tmp_path):
    path = tmp_path / "x.tif"
    start, stop = written(path, picture(60, 80))
    sound = path.read_bytes()
    middle = (start + stop) // 2
    zeros = sound[:middle] + bytes(8) + sound[middle + 8 :]
    cut = sound[:middle] + bytes(stop - middle) + sound[stop:]
    for data in (zeros, cut):
        path.write_bytes(data)
        with closing(open_source(path)) as source, pytest.raises(InputError, match="damaged"):
            source.read(Box.whole((60, 80)))
    path.write_bytes(sound)
    with closing(open_source(path)) as source:
        assert source.read(Box.whole((60, 80))).any()
