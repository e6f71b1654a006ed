import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from tests.fakes import RecordedProgress
from tests.image.pictures import noise, png16
from tiler.cli.inference_bshm import infer, main
from tiler.errors import OutputError
from tiler.settings import Settings

SCRIPT = Path(__file__).parents[2] / "scripts" / "inference_bshm.py"


@pytest.mark.parametrize(("bits", "dtype"), [(None, np.uint8), (16, np.uint16)])
def test_the_two_files_are_the_picture_and_its_alpha(tmp_path, capsys, bits, dtype):
    Image.fromarray(noise((40, 50, 3), np.uint8)).save(tmp_path / "face.png")
    words = ["-i", str(tmp_path / "face.png"), "-d", str(tmp_path / "new" / "results"), "--model", "modnet"]
    assert main([*words, *(["--bits", str(bits)] if bits else [])]) == 0
    alpha, rgba = (tmp_path / "new" / "results" / f"face_{what}.png" for what in ("alpha", "rgba"))
    assert capsys.readouterr().out.split() == [str(alpha), str(rgba)]
    alpha, rgba = (pyvips.Image.new_from_file(str(path)).numpy() for path in (alpha, rgba))
    assert (alpha.dtype, alpha.shape, rgba.shape) == (dtype, (40, 50), (40, 50, 4))
    np.testing.assert_array_equal(alpha, rgba[..., 3])


def test_a_picture_of_16_bits_keeps_them(tmp_path):
    png16(tmp_path / "scan.png", noise((40, 50, 3), np.uint16))
    alpha, _ = infer(tmp_path / "scan.png", tmp_path, Settings.of(threads=1), RecordedProgress())
    assert pyvips.Image.new_from_file(str(alpha)).format == "ushort"


def test_an_error_is_a_message_and_an_exit_code(tmp_path):
    words = ["-i", tmp_path / "none.jpg", "-d", tmp_path, "--model", "modnet"]
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no such file" in done.stderr


def test_a_directory_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be made"):
        infer(tmp_path / "x.png", tmp_path / "file" / "results", Settings(), RecordedProgress())
