"""The table of deliberate defects fits the sources, and its runner tells caught from survived."""

from __future__ import annotations

import ast
import json
from collections import Counter

import pytest

from tools.mutants.__main__ import ROOT, main
from tools.mutants.defect import Defect, WrongDefect, chosen
from tools.mutants.defects import DEFECTS
from tools.mutants.report import closing, page, table
from tools.mutants.survey import Outcome, survey
from tools.mutants.tree import SOURCES

FILES = {
    "identifiability/__init__.py": "",
    "proofs/__init__.py": "",
    "identifiability/sums.py": "def add(a, b):\n    return a + b\n\n\ndef one():\n    return 1\n",
    "proofs/sums_commute.py": (
        "from identifiability.sums import add\n"
        "print('verified (numeric) in 0 s' if add(1, 2) == 3 else 'failed (numeric) in 0 s')\n"
    ),
    "proofs/no_verdict.py": "raise ValueError('no numbers')\n",
    "tests/test_sums.py": (
        "from identifiability.sums import add\n\n\n"
        "def test_zero():\n    assert add(0, 0) == 0\n\n\n"
        "def test_sum():\n    assert add(1, 2) == 3\n\n\n"
        "def test_false_alarm():\n    assert add(1, 2) == 4\n"
    ),
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = ["-ra"]\npythonpath = ["."]\n',
}
SUM, ZERO = "tests/test_sums.py::test_sum", "tests/test_sums.py::test_zero"


def test_there_are_many_each_with_a_name_of_its_own():
    assert len(DEFECTS) >= 60
    assert [name for name, count in Counter(one.name for one in DEFECTS).items() if count > 1] == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.name)
def test_a_defect_fits_the_sources_and_names_checks_that_exist(defect):
    assert defect.file.split("/")[0] in SOURCES
    broken = defect.applied(ROOT)
    whole = (ROOT / defect.file).read_text(encoding="utf-8")
    assert ast.dump(ast.parse(broken)) != ast.dump(ast.parse(whole))
    assert defect.why
    assert defect.caught_by
    for check in defect.caught_by:
        file, _, name = check.partition("::")
        assert file.startswith(("tests/", "proofs/"))
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert not name or name.partition("[")[0] in functions


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    for name in SOURCES:
        if not name.endswith(".toml"):
            (root / name).mkdir(parents=True)
    for name, text in FILES.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def _defect(name, *checks, old="a + b", new="a - b"):
    return Defect(name, "identifiability/sums.py", old, new, "sums would be wrong", checks)


def test_caught_survived_and_not_decided_are_told_apart(checkout):
    defects = [
        _defect("by-a-test", ZERO, SUM, "proofs/sums_commute.py"),
        _defect("by-a-theorem", ZERO, "proofs/sums_commute.py"),
        _defect("unseen", ZERO, "proofs/sums_commute.py", old="return 1", new="return 2"),
        _defect("no-such-test", "tests/test_sums.py::test_product"),
        _defect("no-verdict", "proofs/no_verdict.py"),
        _defect("false-alarm", "tests/test_sums.py::test_false_alarm"),
    ]
    told = []
    found = survey(defects, checkout, workers=2, limit=60, told=told.append)
    assert [one.defect for one in found] == defects
    assert {one.defect.name for one in told} == {one.name for one in defects}
    caught = {one.defect.name: one.caught_by for one in found}
    assert caught.pop("by-a-test") == SUM
    assert caught.pop("by-a-theorem") == "proofs/sums_commute.py"
    assert set(caught.values()) == {None}
    assert [one.defect.name for one in found if one.survived] == ["unseen"]
    problems = {one.defect.name: one.problem for one in found if one.problem}
    assert list(problems) == ["no-such-test", "no-verdict", "false-alarm"]
    assert "pytest ended with status 4" in problems["no-such-test"]
    assert "gave no verdict" in problems["no-verdict"]
    assert problems["false-alarm"].endswith("test_false_alarm fails without the defect too")
    for name, text in FILES.items():
        assert (checkout / name).read_text(encoding="utf-8") == text


def test_a_check_without_end_decides_nothing(checkout):
    endless = _defect("endless", ZERO, new="a + b + any(iter(int, 1))")
    (found,) = survey([endless], checkout, workers=1, limit=3, told=lambda _: None)
    assert found.problem == "pytest took more than 3 s"


def test_an_old_text_that_does_not_occur_once_is_one_sentence_before_anything_runs(checkout):
    for old, count in (("a * b", 0), ("return", 2)):
        with pytest.raises(WrongDefect, match=f"must occur once in .*, it occurs {count} times"):
            survey([_defect("stale", SUM, old=old)], checkout, workers=1, limit=1, told=print)


def test_defects_are_chosen_by_name_or_file():
    assert chosen(DEFECTS, []) == list(DEFECTS)
    assert [one.name for one in chosen(DEFECTS, ["tost-on-one"])] == ["tost-on-one-side-only"]
    assert {one.file for one in chosen(DEFECTS, ["gauge.py"])} == {"identifiability/gauge.py"}
    with pytest.raises(WrongDefect, match="no defect has 'nothing like it'"):
        chosen(DEFECTS, ["nothing like it"])


def test_the_tables_say_what_caught_and_what_did_not():
    found = [
        Outcome(_defect("seen"), SUM, 1.25),
        Outcome(_defect("unseen"), None, 2.0),
        Outcome(_defect("odd"), None, 0.5, "took | long"),
    ]
    expected = "1 of 3 defects caught; survivors: unseen; not decided: odd"
    assert closing(found) == expected
    assert table(found).splitlines()[1].split() == ["seen", SUM, "1.2"]
    text = page(found, 60)
    assert f"3 of the 60 defects of the table ran: {expected}." in text
    assert f"| seen | `identifiability/sums.py` | sums would be wrong | `{SUM}` |" in text
    assert "**SURVIVED**" in text
    assert "took \\| long" in text


def test_two_defects_end_to_end(tmp_path, capsys):
    words = ["samples-counted-as-clusters", "jackknife-without-its-factor"]
    target, written = tmp_path / "found.json", tmp_path / "mutants.md"
    status = main([*words, "--workers", "1", "--json", str(target), "--markdown", str(written)])
    captured = capsys.readouterr()
    assert status == 0, captured.out
    assert "2 of 2 defects caught" in captured.out
    assert captured.err.splitlines()[-1].startswith("2/2 ")
    for one in json.loads(target.read_text(encoding="utf-8"))["defects"]:
        assert one["name"] in words
        assert one["caught_by"].split("[")[0] in one["listed"]
        assert f"| {one['name']} |" in written.read_text(encoding="utf-8")


def test_wrong_use_is_status_2_and_a_sentence(capsys):
    assert main(["nothing like it"]) == 2
    assert "no defect has 'nothing like it'" in capsys.readouterr().err
    assert main(["holm", "--list"]) == 0
    assert "holm-without-running-maximum" in capsys.readouterr().out
