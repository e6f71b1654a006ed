from dataclasses import replace

import numpy as np
import pytest

from tests.snapshots import a_snapshot
from tiler.core.seams import judge
from tiler.errors import InputError
from tiler.inspect.snapshot import PARTS, load, save


def test_what_is_saved_is_what_is_loaded(tmp_path):
    snapshot = a_snapshot()
    save(snapshot, tmp_path / "run.npz")
    again = load(tmp_path / "run.npz")
    assert (again.shape, again.levels, again.seams) == (snapshot.shape, snapshot.levels, snapshot.seams)
    for name in ("picture", "matte", "places"):
        np.testing.assert_array_equal(getattr(again, name), getattr(snapshot, name))
    for ours, theirs in zip(again.grid, snapshot.grid, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.look_here == snapshot.look_here
    assert len(again.look_here) == 1
    assert len(again.crops) == len(snapshot.crops) == 3
    for ours, theirs in zip(again.crops, snapshot.crops, strict=True):
        assert (ours.seam, ours.box) == (theirs.seam, theirs.box)
        for part in PARTS:
            np.testing.assert_array_equal(getattr(ours, part), getattr(theirs, part))


def test_a_file_that_is_no_snapshot_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"no_such\.npz"):
        load(tmp_path / "no_such.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(InputError, match=r"text\.npz"):
        load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", picture=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz"):
        load(tmp_path / "other.npz")


@pytest.mark.parametrize("level", [0, 1])
def test_a_position_is_in_pixels_of_the_full_picture(level):
    """On level 1, half as large, a pixel covers 2 x 2 pixels of the full picture."""
    snapshot = a_snapshot()
    seam = replace(snapshot.seams[0], level=level, worst_row=30, worst_col=40)
    row, col = snapshot.full_position(seam)
    assert (row >> level, col >> level) == (30, 40)


def test_a_line_is_the_middle_of_its_overlap():
    snapshot = a_snapshot()
    for n, (seam, (top, bottom, left, right)) in enumerate(zip(snapshot.seams, snapshot.places.tolist(), strict=True)):
        (x1, y1), (x2, y2) = snapshot.line(n)
        if seam.across == "rows":
            assert (x1, x2) == (left, right)
            assert y1 == y2 == pytest.approx((top + bottom) / 2)
        else:
            assert (y1, y2) == (top, bottom)
            assert x1 == x2 == pytest.approx((left + right) / 2)


def test_the_line_at_the_join_of_a_panorama_is_drawn_inside_the_picture():
    snapshot = a_snapshot()
    cols = next(n for n, seam in enumerate(snapshot.seams) if seam.across == "cols")
    places = snapshot.places.copy()
    places[cols, 2:] = -0.1, 0.04
    (x1, _), (x2, _) = replace(snapshot, places=places).line(cols)
    assert x1 == x2 == pytest.approx(0.97)


def test_the_summary_has_a_line_for_each_of_the_worst_places():
    snapshot = a_snapshot()
    judged = judge(snapshot.seams)
    verdict, _, _, *rows = snapshot.summary(judged).splitlines()
    assert verdict.startswith(f"{len(snapshot.seams)} seams")
    assert len(rows) == len(judged.worst)
    row, col = snapshot.full_position(snapshot.seams[0])
    assert rows[0].split()[:4] == ["30.0", str(col), str(row), "0"]
    assert "no seams" in snapshot.summary(judge(()))
