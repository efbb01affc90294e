"""Spoiled files: every reader answers or says in one line what is wrong."""

from __future__ import annotations

import signal
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.fuzz import Hangs, Target, outcome, patience, spoiled
from tools.fuzz_targets import TARGETS

SEEDS = st.integers(0, 2**32 - 1)


@cache
def seeds(name: str) -> list[bytes]:
    """Sound files of a target, written once."""
    return TARGETS[name].seeds()


def check(name: str, folder: Path, seed: int) -> None:
    """The seed is what ``python -m tools.fuzz TARGET --seed`` takes to repeat it."""
    target = TARGETS[name]
    content = spoiled(target, seeds(name), seed)
    said = outcome(target, folder / f"spoiled{target.suffix}", content)
    assert said in (None, ""), said


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(seed=SEEDS)
def test_a_spoiled_file_is_answered_or_refused(name, seed, tmp_path_factory):
    check(name, tmp_path_factory.getbasetemp(), seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=3_000, deadline=None)
@given(seed=SEEDS)
def test_thousands_of_spoiled_files_are_answered_or_refused(name, seed, tmp_path_factory):
    check(name, tmp_path_factory.getbasetemp(), seed)


@pytest.mark.parametrize("name", TARGETS)
def test_the_files_that_are_spoiled_are_sound(name, tmp_path):
    target, (content,) = TARGETS[name], seeds(name)
    assert outcome(target, tmp_path / f"sound{target.suffix}", content) is None


def test_what_escapes_is_told_from_a_refusal(tmp_path):
    broken = Target(".txt", lambda path: 1 / 0, Path.touch, ())
    assert "ZeroDivisionError" in str(outcome(broken, tmp_path / "a.txt", b""))
    empty = Target(".txt", lambda path: [float("nan")], Path.touch, ())
    assert outcome(empty, tmp_path / "a.txt", b"") == "an answer with NaN or infinity"


def _endless() -> None:
    while True:
        pass


def _lost() -> None:
    """As C code does that takes any exception for its own."""
    try:
        _endless()
    except BaseException:
        raise ValueError("could not determine the shape") from None


def _answered() -> None:
    with suppress(BaseException):
        _endless()


@pytest.mark.parametrize("reader", [_endless, _lost, _answered])
def test_what_takes_too_long_hangs_whatever_becomes_of_the_signal(reader):
    with pytest.raises(Hangs), patience(0.05):
        reader()


def test_trouble_in_time_is_passed_on_and_leaves_no_alarm():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyError), patience(60):
        raise KeyError("a")
    with patience(60):
        pass
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] != pytest.approx(60, abs=1)
