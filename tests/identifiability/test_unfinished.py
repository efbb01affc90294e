"""What a run that was cut short leaves for the next, and for no other."""

import json

import pytest

from identifiability.unfinished import FILE, Unfinished, sources

ASKED = {"seed": 0, "packages": {"numpy": "1", "torch": None}}


def test_the_same_run_finds_what_was_kept(tmp_path):
    first = Unfinished(tmp_path, ASKED)
    assert first.parts == {}
    first.keep("proofs", {"theorems": [1.5]})
    first.keep("toy", {"score": float("nan")})
    assert Unfinished(tmp_path, dict(ASKED)).parts == {
        "proofs": {"theorems": [1.5]},
        "toy": {"score": None},
    }
    first.done()
    assert Unfinished(tmp_path, ASKED).parts == {}
    assert list(tmp_path.iterdir()) == []
    first.done()


def test_another_run_finds_nothing(tmp_path):
    Unfinished(tmp_path, ASKED).keep("proofs", {})
    assert Unfinished(tmp_path, ASKED | {"seed": 1}).parts == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"asked": 1}'])
def test_a_file_that_is_none_of_ours_is_nothing(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    again = Unfinished(tmp_path, ASKED)
    assert again.parts == {}
    again.keep("proofs", {})
    assert json.loads((tmp_path / FILE).read_text())["parts"] == {"proofs": {}}


def test_sources_change_with_any_file_of_a_package(tmp_path, monkeypatch):
    folder = tmp_path / "a_package_of_a_test"
    (folder / "deeper").mkdir(parents=True)
    for name in ("__init__.py", "deeper/__init__.py"):
        (folder / name).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    before = sources([folder.name])
    assert sources([folder.name, folder.name]) == before
    (folder / "deeper" / "__init__.py").write_text("VALUE = 1")
    changed = sources([folder.name])
    assert changed != before
    (folder / "deeper" / "more.py").write_text("")
    assert sources([folder.name]) not in {before, changed}
    assert sources(["no_such_package_at_all"]) != before
