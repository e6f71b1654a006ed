"""What is opened for a run is closed with it, and a run that cannot be is refused before its network is loaded."""

import os

import numpy as np
import pytest
from PIL import Image

import tiler
from tests.fakes import RecordedProgress
from tests.test_run import Fake
from tiler import subject
from tiler.subject import opened


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(path)
    return path


class Closing(Fake):
    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


def test_its_own_network_is_closed_and_one_that_is_given_stays_open(photo, tmp_path, monkeypatch):
    own, given = Closing(), Closing()
    monkeypatch.setattr(subject, "open_session", lambda *_: own)
    with opened(photo, tmp_path, tiler.Settings(), RecordedProgress(), None) as found:
        assert (found.picture.shape, found.wraps, found.full_turn) == ((60, 80), False, False)
        assert found.plan.shapes == ((60, 80),)
    with opened(photo, tmp_path, tiler.Settings(), RecordedProgress(), given):
        pass
    assert own.closed
    assert not given.closed


def test_a_pipe_in_the_place_of_a_guide_is_refused_and_not_waited_for(photo, tmp_path):
    os.mkfifo(tmp_path / "guide.png")
    settings = tiler.Settings.of(guide=tmp_path / "guide.png")
    with pytest.raises(tiler.TilerError, match="a pipe"), opened(photo, tmp_path, settings, RecordedProgress(), Fake()):
        pass


def test_a_rectangle_beside_the_picture_is_refused_before_the_network_is_loaded(photo, tmp_path, monkeypatch):
    monkeypatch.setattr(subject, "open_session", lambda *_: pytest.fail("the network was loaded"))
    with (
        pytest.raises(tiler.TilerError, match="does not lie in"),
        opened(photo, tmp_path, tiler.Settings.of(roi=("70,0,11,5",)), RecordedProgress(), None),
    ):
        pass
