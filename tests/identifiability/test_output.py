"""Text with alarms in red on a terminal only, and JSON that has stdout for itself."""

import json
import sys
from pathlib import Path

import pytest

from identifiability.output import give, is_stdout, say
from tests.identifiability.terminal import terminal

RED = "\x1b[31m\x1b[1mFAILED\x1b[0m"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def _on_a_terminal(monkeypatch, text):
    with terminal() as screen:
        monkeypatch.setattr(sys, "stdout", screen.stream)
        say(text)
        return screen.seen()


def test_alarms_are_red_on_a_terminal_and_nothing_else_is(monkeypatch):
    seen = _on_a_terminal(monkeypatch, "N1 verified, N2 FAILED, OTHERWISE")
    assert seen == f"N1 verified, N2 {RED}, OTHERWISE\r\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_may_ask_for_no_colours(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert _on_a_terminal(monkeypatch, "N2 FAILED") == "N2 FAILED\r\n"


def test_an_empty_no_color_asks_for_nothing(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "")
    assert _on_a_terminal(monkeypatch, "FAILED") == f"{RED}\r\n"


def test_no_colours_in_a_pipe_unless_forced(monkeypatch, capsys):
    say("FAILED")
    monkeypatch.setenv("FORCE_COLOR", "1")
    say("FAILED")
    monkeypatch.setenv("NO_COLOR", "1")
    say("FAILED")
    assert capsys.readouterr().out.splitlines() == ["FAILED", RED, "FAILED"]


def test_results_go_to_stdout_as_json_or_as_text(capsys, tmp_path):
    give({"kl": float("nan")}, Path("-"), "as text")
    assert json.loads(capsys.readouterr().out) == {"kl": None}
    give({"kl": 1}, tmp_path / "r.json", "as text")
    assert capsys.readouterr().out == "as text\n"
    assert json.loads((tmp_path / "r.json").read_text()) == {"kl": 1}
    give({"kl": 1}, None, None)
    assert capsys.readouterr().out == ""


def test_only_a_dash_is_stdout():
    assert [is_stdout(path) for path in (Path("-"), Path("a-"), None)] == [True, False, False]
