"""Every theorem is verified, on seeds of its own; the ledger finds them by any of their names."""

import importlib.metadata

import pytest

from identifiability.errors import InvalidInput
from identifiability.verdict import plain
from proofs import ledger as ledger_module
from proofs.checking import check
from proofs.ledger import READING_ORDER, ledger, select
from proofs.null_space_ambiguity import THEOREM
from proofs.running import run

theorems = pytest.mark.parametrize("theorem", ledger().values(), ids=lambda t: t.id)


@theorems
@pytest.mark.parametrize("seed", [0, 20261122])
def test_every_theorem_is_verified(theorem, seed):
    result = check(theorem, seed)
    assert result.symbolic.failed == ()
    assert [c for c in result.numeric.conclusions if c.status != "verified"] == []
    assert [n for n in result.necessity if n.status != "verified"] == []
    assert [v for v in result.refuted_variants if v.status != "refuted"] == []
    assert result.status == "verified"


@theorems
def test_every_theorem_is_filed_under_its_name_and_rests_on_known_ones(theorem):
    assert theorem.name in READING_ORDER
    assert set(theorem.depends_on) <= set(ledger())
    assert theorem.sources
    assert theorem.latex


def _without_times(results):
    entries = [{k: v for k, v in e.items() if k != "seconds"} for e in results["theorems"]]
    return plain({**results, "seconds": None, "theorems": entries})


def test_the_number_of_workers_changes_nothing():
    chosen = select(["N1", "N7"])
    assert _without_times(run(chosen, seed=3)) == _without_times(run(chosen, seed=3, workers=2))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("N1", ["N1"]),
        ("n1", ["N1"]),
        ("null_space_ambiguity", ["N1"]),
        ("null_space_ambiguity.py", ["N1"]),
        ("null_sp", ["N1"]),
        ("R3", ["R3a", "R3b", "R3c"]),
    ],
)
def test_theorems_are_found_by_id_parent_file_and_prefix(name, found):
    assert [theorem.id for theorem in select([name])] == found


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("N99", "unknown theorem 'N99'; did you mean"),
        ("null_space_ambiguty", "did you mean 'null_space_ambiguity'"),
        ("environments", "is the beginning of"),
        ("", "unknown theorem"),
    ],
)
def test_unknown_and_ambiguous_names_are_refused_with_the_mend(name, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        select([name])


def _entry_points_with(theorem, monkeypatch):
    class Entry:
        name, value = "theirs", "their_package:THEOREM"

        def load(self):
            return theorem

    monkeypatch.setattr(ledger_module, "entry_points", lambda group: [Entry()])
    ledger.cache_clear()


@pytest.fixture
def _fresh_ledger():
    yield
    ledger.cache_clear()


@pytest.mark.usefixtures("_fresh_ledger")
def test_another_package_adds_a_theorem_but_replaces_none(monkeypatch):
    import dataclasses

    theirs = dataclasses.replace(THEOREM, id="X1", name="their_theorem")
    _entry_points_with(theirs, monkeypatch)
    assert list(ledger())[-1] == "X1"
    _entry_points_with(THEOREM, monkeypatch)
    with pytest.raises(InvalidInput, match="exists already"):
        ledger()


def test_the_entry_point_group_is_the_documented_one():
    assert ledger_module.THEOREMS == "identifiability.theorems"
    assert importlib.metadata.entry_points(group="identifiability.commands")["proofs"]
