import logging

from tests.fakes import RecordedProgress
from tiler.progress import logged


def test_notes_and_stages_go_to_the_logger_too(caplog):
    recorded = RecordedProgress()
    progress = logged(recorded)
    with caplog.at_level(logging.DEBUG, "tiler"):
        progress.stage("matte", 3)
        progress.advance(2)
        progress.note("A note of 100 % text.")
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("DEBUG", "matte: 3 steps"),
        ("INFO", "A note of 100 % text."),
    ]
    assert (recorded.stages, recorded.steps, recorded.notes) == ([("matte", 3)], [2], ["A note of 100 % text."])


def test_what_is_logged_is_not_logged_twice():
    progress = logged(None)
    assert logged(progress) is progress
