from types import SimpleNamespace

import numpy as np
import tifffile
from PIL import Image
from typer.testing import CliRunner

from tiler.cli import matte, process
from tiler.cli.main import app


def test_in_one_go_the_edge_is_changed_when_the_two_are_put_together(tmp_path, monkeypatch):
    """A cutout that is shrunk before would have its rim taken for background, and get it back."""
    photo = np.full((40, 60, 3), (20, 40, 60), np.uint8)
    photo[:, 30:] = 200, 180, 160
    Image.fromarray(photo).save(tmp_path / "photo.png")
    given = []

    def written(_picture, cutout, settings, _quiet):
        given.append(settings.output.edge)
        alpha = np.where(np.arange(60) >= 30, 255, 0) * np.ones((40, 1))
        pixels = np.dstack([photo, alpha]).astype(np.uint8)
        tifffile.imwrite(cutout, pixels, photometric="rgb", extrasamples=["unassalpha"])
        return SimpleNamespace(failed_tiles=())

    monkeypatch.setattr(matte, "matte", written)
    monkeypatch.setattr(process, "prepare", lambda *_, **__: None)
    words = ["matte", tmp_path / "photo.png", "-o", tmp_path / "out.tif", "--edge", "shrink:3", "--quiet"]
    done = CliRunner().invoke(app, [*map(str, words), "--background", "original"])
    assert done.exit_code == 0, done.output
    assert given == [()]
    row = tifffile.imread(tmp_path / "out.tif")[20].astype(int)
    np.testing.assert_array_equal(row[:30], photo[20, :30])
    np.testing.assert_array_equal(row[33:], photo[20, 33:])
    assert np.abs(row[30:33] - (20, 40, 60)).max() <= 2
