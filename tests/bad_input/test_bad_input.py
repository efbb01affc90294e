"""The whole table: one sentence with the mend and nothing written, or the right answer."""

from __future__ import annotations

import re
import sys
import warnings

import pytest

from identifiability.cli import main
from tests.bad_input import (
    commands,
    model_loading,
    models,
    operators_and_classes,
    recoveries_from_responses,
    recoveries_from_states,
    scores_and_statistics,
    traits_and_prompts,
    vectors,
)
from tests.bad_input.case import Answered, Misused, Refused, Room, contents

AREAS = (
    operators_and_classes,
    recoveries_from_responses,
    recoveries_from_states,
    scores_and_statistics,
    vectors,
    traits_and_prompts,
    model_loading,
    models,
)
REFUSED = [
    pytest.param(case, id=f"{area.__name__.rpartition('.')[2]}: {case.name}")
    for area in AREAS
    for case in area.REFUSED
]
ANSWERED = [
    pytest.param(case, id=f"{area.__name__.rpartition('.')[2]}: {case.name}")
    for area in AREAS
    for case in area.ANSWERED
]
MISUSED = [
    pytest.param(case, id=f"{case.arguments[0][:20]}: {case.name}") for case in commands.MISUSED
]
LONGEST = 600
"""Characters of a sentence; whatever was given, nobody reads on."""


def assert_one_sentence(message: str, says: str) -> None:
    """On one line, of readable length, with the part that the case names."""
    assert says in message
    assert message == message.strip()
    assert message.isprintable() and len(message) <= LONGEST, message[:LONGEST]
    # A full stop ends the sentence or stands in a number, a name or an address.
    assert not re.search(r"[a-z)]\. [A-Z]", message), message


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_one_sentence(case: Refused, room: Room):
    before = contents(room.files), contents(room.out)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(case.error) as raised:
            case.call(room)
    assert type(raised.value) is case.error, repr(raised.value)
    assert_one_sentence(str(raised.value), case.says)
    assert (contents(room.files), contents(room.out)) == before


@pytest.mark.parametrize("case", ANSWERED)
def test_what_is_odd_and_legal_is_answered(case: Answered, room: Room):
    before = contents(room.out)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        assert case.right(case.call(room))
    assert contents(room.out) == before


@pytest.mark.parametrize("case", MISUSED)
@pytest.mark.usefixtures("nothing_runs")
def test_misuse_of_a_command_runs_and_writes_nothing(
    case: Misused, room: Room, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "argv", ["identifiability"])  # which ``main`` sets
    monkeypatch.chdir(room.out)
    before = contents(room.files), contents(room.out)
    with pytest.raises(SystemExit) as ended:
        main(case.filled(room))
    shown = capsys.readouterr()
    assert (ended.value.code, shown.out) == (2, ""), shown.err
    assert shown.err.startswith("identifiability: ") and shown.err.endswith("\n")
    assert_one_sentence(shown.err.removeprefix("identifiability: ")[:-1], case.says)
    assert (contents(room.files), contents(room.out)) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("proofs", "N1"),
        commands.extract("--to", "{out}/a.pt"),
        commands.audit("v.npy", "--count", "8"),
        ("notebooks", "null_space_by_hand", "--out", "{out}/new"),
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.usefixtures("nothing_runs")
def test_the_same_commands_run_when_they_are_right(arguments, room: Room, monkeypatch):
    """So that a case above cannot pass because its command never gets anywhere."""
    monkeypatch.setattr(sys, "argv", ["identifiability"])
    with pytest.raises(AssertionError, match="was called"):
        main(Misused("", arguments, "").filled(room))


def test_the_table_is_as_large_as_it_says_and_names_each_case_once():
    assert len(REFUSED) + len(ANSWERED) + len(MISUSED) >= 120
    for table in (REFUSED, ANSWERED, MISUSED):
        names = [case.id for case in table]
        assert len(set(names)) == len(names)
