"""Drawing of mechanical defects, apart from cosmic-ray itself, which the set-up leaves out."""

from __future__ import annotations

import json
import sys
from collections import Counter
from random import Random

import pytest

from tools.drawn_mutants import __main__ as command
from tools.drawn_mutants.draw import Change, annotation_places, passage, sample
from tools.drawn_mutants.fate import fates
from tools.drawn_mutants.modules import MODULES
from tools.mutants.defect import Defect
from tools.mutants.survey import Outcome

FILE = "identifiability/spectrum.py"


def change(line, operator="core/NumberReplacer", occurrence=0):
    return Change(operator, occurrence, (line, 4), (line, 5))


def defect(name, file=FILE):
    return Defect(name, file, "old", "new", "why", (MODULES[FILE],))


def test_modules_and_their_tests_are_there():
    for file, test in MODULES.items():
        assert (command.ROOT / file).is_file()
        assert (command.ROOT / test).is_file()


def test_annotations_are_all_that_is_never_run():
    text = (
        "def f(a: int | None, *b: str, c=1) -> list[int]:\n    d: float = 2.0\n    return [a | c]\n"
    )
    lines = text.splitlines()
    found = {lines[start[0] - 1][start[1] : end[1]] for start, end in annotation_places(text)}
    assert found == {"int | None", "str", "list[int]", "float"}


def test_a_sample_takes_one_change_of_a_place_and_is_the_same_for_a_seed():
    found = [change(line, occurrence=n) for line in range(1, 21) for n in range(line)]
    drawn = sample(found, 8, Random("1 a"))
    assert drawn == sample(found, 8, Random("1 a")) != sample(found, 8, Random("2 a"))
    assert len({one.start for one in drawn}) == len(drawn) == 8
    assert len(sample(found, 99, Random(0))) == 20
    # A place with twenty changes is as likely as a place with one.
    places = Counter(sample(found, 1, Random(seed))[0].start[0] for seed in range(2_000))
    assert all(60 <= places[line] <= 140 for line in (1, 20))  # 100, four deviations either way


@pytest.mark.parametrize(
    ("whole", "broken", "old", "new"),
    [
        ("a = 1\nb = 2\n", "a = 1\nb = 3\n", "b = 2\n", "b = 3\n"),
        ("x\n\nx\ny\n", "x\n\nz\ny\n", "\nx\ny\n", "\nz\ny\n"),
        ("a\n@b\nc\n", "a\nc\n", "@b\n", ""),
        ("a\na\n", "a\nb\n", "a\na\n", "a\nb\n"),
    ],
)
def test_a_passage_occurs_once_and_makes_the_change(whole, broken, old, new):
    assert passage(whole, broken) == (old, new)
    assert whole.count(old) == 1
    assert whole.replace(old, new) == broken


def test_texts_that_are_equal_have_no_passage():
    with pytest.raises(ValueError, match="must differ"):
        passage("a\n", "a\n")


def test_what_cannot_be_imported_is_killed_only_if_the_tests_were_collected_at_all():
    unimportable = Outcome(defect("a"), None, 1.0, "pytest ended with status 2: ImportError")
    seen = Outcome(defect("b"), "tests/test_a.py::test_b", 1.0)
    outcomes = [
        unimportable,
        seen,
        Outcome(defect("c"), None, 1.0),
        Outcome(defect("d"), None, 9.0, "pytest took more than 9 s"),
        Outcome(defect("e"), None, 1.0, "tests/test_a.py::test_b fails without the defect too"),
    ]
    assert fates(outcomes) == ["killed", "killed", "survived", "endless", "undecided"]
    elsewhere = Outcome(defect("f", "identifiability/gauge.py"), "tests/test_c.py::test_d", 1.0)
    assert fates([unimportable, elsewhere]) == ["undecided", "killed"]


@pytest.fixture
def proposed(monkeypatch):
    """Changes without cosmic-ray: each at a line of its own."""
    monkeypatch.setattr(command, "changes", lambda text: [change(line) for line in range(1, 31)])
    monkeypatch.setattr(
        command, "as_defect", lambda root, file, one, test: defect(f"{one.start[0]}", file)
    )


def test_modules_take_turns_and_are_counted(proposed, monkeypatch, tmp_path, capsys):
    def survey(defects, root, *, workers, limit, told):
        assert (root, workers, limit) == (command.ROOT, 1, 7.0)
        found = [
            Outcome(one, None if i % 3 else "tests/a.py::b", 0.1) for i, one in enumerate(defects)
        ]
        for one in found:
            told(one)
        return found

    monkeypatch.setattr(command, "survey", survey)
    target = tmp_path / "found.json"
    words = ["spectrum", "gauge", "--each", "3", "--limit", "7", "--json", str(target)]
    assert command.main(words) == 0
    written = json.loads(target.read_text())
    files = [mutant["file"] for mutant in written["mutants"]]
    assert files == [FILE, "identifiability/gauge.py"] * 3
    assert written["modules"][FILE] == {
        "changes": 30,
        "places": 30,
        "tried": 3,
        "killed": 1,
        "endless": 0,
        "survived": 2,
        "undecided": 0,
    }
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["module", *written["modules"][FILE]]
    assert lines[1].split() == [FILE, *map(str, written["modules"][FILE].values())]


def test_a_module_draws_the_same_whichever_others_are_asked_for(proposed):
    def drawn(*modules):
        found = command._drawn({m: command.changes("") for m in modules}, 5, 1)
        return [one.name for one in found if one.file == FILE]

    assert drawn(FILE) == drawn("identifiability/gauge.py", FILE)


def test_without_cosmic_ray_or_a_module_one_sentence_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cosmic_ray.ast", None)
    assert command.main(["spectrum"]) == 2
    assert "pip install cosmic-ray==" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        command.main(["no_such_module"])
    assert "no module has no_such_module in its path" in capsys.readouterr().err
