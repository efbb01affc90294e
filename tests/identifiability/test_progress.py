"""The bar: on stderr, on a terminal only, and never when quiet."""

import re
import sys

import pytest

from identifiability.progress import progress_bar, silent
from tests.identifiability.terminal import terminal


def _bar(monkeypatch, stream, *, quiet=False):
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar("proofs", quiet=quiet) as advance:
        advance(1, 3, "theorem N2")
        advance(3, 3, "theorem N3 [1, 2] [/]")
    return advance


def test_a_terminal_shows_what_comes_next(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm")
    with terminal() as screen:
        _bar(monkeypatch, screen.stream)
        seen = screen.seen()
    assert "proofs" in seen
    assert "theorem N3 [1, 2] [/]" in seen
    assert capsys.readouterr().out == ""


def test_its_colours_are_left_out_where_they_are_unwanted(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    with terminal() as screen:
        _bar(monkeypatch, screen.stream)
        seen = screen.seen()
    # 3x and 4x, alone or after others, are colours; 1 and 2 are weights.
    assert re.search(r"\x1b\[(\d+;)*[349]\d", seen) is None


@pytest.mark.parametrize("quiet", [False, True])
def test_a_pipe_and_a_quiet_terminal_show_nothing(monkeypatch, capsys, quiet):
    if not quiet:
        assert _bar(monkeypatch, sys.stderr) is silent
        assert capsys.readouterr().err == ""
        return
    with terminal() as screen:
        assert _bar(monkeypatch, screen.stream, quiet=True) is silent
        assert screen.seen() == ""
