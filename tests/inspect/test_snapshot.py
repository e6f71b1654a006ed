import numpy as np
import pytest

from tests.looks import a_look
from tiler.errors import InputError
from tiler.inspect.snapshot import PARTS, load, save


def test_what_is_saved_is_what_is_loaded(tmp_path):
    look = a_look()
    save(look, tmp_path / "look.npz")
    again = load(tmp_path / "look.npz")
    assert (again.shape, again.levels, again.seams) == (look.shape, look.levels, look.seams)
    for name in ("picture", "matte", "places"):
        np.testing.assert_array_equal(getattr(again, name), getattr(look, name))
    for ours, theirs in zip(again.grid, look.grid, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert len(again.crops) == len(look.crops) == 3
    for ours, theirs in zip(again.crops, look.crops, strict=True):
        assert (ours.seam, ours.box) == (theirs.seam, theirs.box)
        for part in PARTS:
            np.testing.assert_array_equal(getattr(ours, part), getattr(theirs, part))


def test_a_file_that_is_something_else_is_refused_in_words(tmp_path):
    with pytest.raises(InputError, match=r"no_such\.npz"):
        load(tmp_path / "no_such.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(InputError, match=r"text\.npz"):
        load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", picture=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz"):
        load(tmp_path / "other.npz")


def test_places_are_told_in_pixels_of_the_full_picture():
    look = a_look()
    worst = look.seams[0]
    assert look.at(worst) == (worst.worst_row, worst.worst_col)
