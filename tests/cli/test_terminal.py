import io

from rich.console import Console
from rich.progress import Progress as Bars

from tiler.cli import terminal
from tiler.progress import Silent


def test_where_there_is_no_terminal_lines_are_plain(capsys):
    with terminal.progress(quiet=False) as progress:
        progress.stage("level 0", 3)
        progress.advance()
    assert capsys.readouterr().err == "level 0: 3 to do\n"


def test_a_long_stage_says_now_and_then_how_far_it_is(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(terminal, "monotonic", lambda: now[0])
    lines = terminal.InLines()
    lines.stage("level 0", 100)
    for _ in range(50):
        now[0] += 1.0
        lines.advance()
    said = capsys.readouterr().err.splitlines()
    assert said[1] == "level 0: 10 of 100, about 90 s left"
    assert len(said) == 6


def test_quiet_is_quiet(capsys):
    with terminal.progress(quiet=True) as progress:
        assert isinstance(progress, Silent)
        progress.stage("level 0", 3)
        progress.advance()
        progress.note("hello")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_bars_that_count():
    out = io.StringIO()
    with Bars(console=Console(file=out, force_terminal=True, width=100)) as bars:
        progress = terminal.OnTerminal(bars)
        progress.advance()
        progress.stage("level 1", 2)
        progress.stage("level 0", 4)
        progress.advance(3)
        progress.note("[not markup]")
        assert [(task.completed, task.total) for task in bars.tasks] == [(0, 2), (3, 4)]
    assert "level 0" in out.getvalue()
    assert "[not markup]" in out.getvalue()
