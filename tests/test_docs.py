"""The documentation: its code runs, promised names have pages, the built site holds together."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests import fenced_code
from tools import docs_notebooks
from tools.check_site import problems

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PACKAGES = ("identifiability", "proofs", "toy_models", "llm_validation")
PAGES = [DOCS / "index.md", DOCS / "tutorial.md", *sorted((DOCS / "howto").glob("*.md"))]

# --- the code of the pages ----------------------------------------------------------------------


def page_id(page: Path) -> str:
    """Its path below docs."""
    return str(page.relative_to(DOCS))


def with_code(slow: bool) -> list[Path]:
    """Pages with such code."""
    return [page for page in PAGES if any(b.slow is slow for b in fenced_code.blocks(page))]


@pytest.mark.parametrize("page", with_code(slow=False), ids=page_id)
def test_the_code_of_a_page_does_what_it_shows(page: Path, tmp_path: Path) -> None:
    quick = [block for block in fenced_code.blocks(page) if not block.slow]
    assert fenced_code.run(page, quick, tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", with_code(slow=True), ids=page_id)
def test_the_whole_code_of_a_page_does_what_it_shows(page: Path, tmp_path: Path) -> None:
    assert fenced_code.run(page, fenced_code.blocks(page), tmp_path) == []


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("```python\n>>> 1 + 1\n3\n\n```\n", "Expected:\n    3\nGot:\n    2"),
        ("```console\n$ echo one\ntwo\n```\n", "printed\none\ninstead of\ntwo"),
        ("```console\n$ exit 3\n```\n", "exited 3"),
    ],
)
def test_code_that_does_something_else_is_found(tmp_path: Path, code: str, complaint: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(code)
    (problem,) = fenced_code.run(page, fenced_code.blocks(page), tmp_path)
    assert complaint in problem


# --- public names -------------------------------------------------------------------------------


def promises() -> dict[str, set[str]]:
    """What docs/interfaces.md imports, by module; empty where it stands for all names."""
    page = (DOCS / "interfaces.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(code.replace("import ...", "import *"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {alias.name for alias in node.names} - {"*"}
            found[node.module] = found.get(node.module, set()) | names
    return found


def promised_names() -> list[str]:
    """All names there, and all others that these modules give out."""
    found = set()
    for name, imported in promises().items():
        module = import_module(name)
        own = {k for k, v in vars(module).items() if getattr(v, "__module__", None) == name}
        given = set(getattr(module, "__all__", own))
        found |= {f"{name}.{key}" for key in given | imported if not key.startswith("_")}
    return sorted(found)


def listed_names() -> set[str]:
    """What the pages of the reference list."""
    pages = (DOCS / "reference").glob("*.rst")
    return {
        name for page in pages for name in re.findall(r"^   ~([\w.]+)$", page.read_text(), re.M)
    }


def resolved(name: str) -> Any:
    """The object of a dotted name."""
    module, _, last = name.rpartition(".")
    try:
        return getattr(import_module(module), last)
    except AttributeError:
        return import_module(name)


def public_members(cls: type) -> list[tuple[str, Any]]:
    """Methods and properties that this project defines, here or in a base class."""
    ours = [base for base in cls.__mro__ if base.__module__.split(".")[0] in PACKAGES]
    kinds = (property, classmethod, staticmethod)
    return [
        (key, value)
        for base in ours
        for key, value in vars(base).items()
        if not key.startswith("_") and (inspect.isfunction(value) or isinstance(value, kinds))
    ]


def has_words(value: Any) -> bool:
    """Whether it has a docstring; the signature that a data class without one shows is none."""
    text = inspect.getdoc(value) or ""
    return bool(text) and not text.startswith(f"{getattr(value, '__name__', None)}(")


def test_the_promise_is_read_from_the_page() -> None:
    names = promised_names()
    for name in ("identifiability.Spectrum", "identifiability.metrics.amari_distance"):
        assert name in names
    assert "llm_validation.OutputCovariance" in names and len(names) > 70


def test_every_promised_name_has_a_page() -> None:
    missing = set(promised_names()) - listed_names()
    assert missing == set()


@pytest.mark.parametrize("name", sorted(listed_names()))
def test_every_name_of_the_reference_is_documented(name: str) -> None:
    value = resolved(name)
    if isinstance(value, str):
        return  # a constant speaks for itself
    assert has_words(value)
    if inspect.isclass(value):
        assert [key for key, member in public_members(value) if not has_words(member)] == []


def test_versions_agree_and_the_changelog_has_an_unreleased_part() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"version = {{{version}}}" in (DOCS / "howto" / "cite.md").read_text()
    log = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## Unreleased$", log, re.MULTILINE)
    kinds = set(re.findall(r"^### (.*)$", log, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


# --- the site -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('<a href="other.html">x</a>', "other.html, which is not there"),
        ('<a href="#nowhere">x</a>', "no such place"),
        ('<a href="two.html#nowhere">x</a>', "no such place"),
        ('<script src="https://example.org/a.js"></script>', "from the network"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "from the network"),
        ('<img src="missing.svg">', "missing.svg, which is not there"),
    ],
)
def test_a_site_that_does_not_hold_together_is_found(
    tmp_path: Path, body: str, complaint: str
) -> None:
    (tmp_path / "one.html").write_text(body)
    (tmp_path / "two.html").write_text('<h1 id="here">two</h1>')
    (problem,) = problems(tmp_path)
    assert complaint in problem


def test_a_site_that_holds_together_passes(tmp_path: Path) -> None:
    links = '<a href="two.html#here">x</a><a href="https://example.org">y</a><a href="#up">z</a>'
    (tmp_path / "one.html").write_text(f'<p id="up">{links}</p><img src="data:image/gif;base64,">')
    (tmp_path / "two.html").write_text('<h1 id="here">two</h1>')
    assert problems(tmp_path) == []
    (tmp_path / "a.css").write_text("@import 'https://example.org/b.css';")
    assert len(problems(tmp_path)) == 1


def test_a_notebook_older_than_its_script_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, whole, reduced = (tmp_path / name for name in ("notebooks", "whole", "reduced"))
    for folder in (script, whole, reduced):
        folder.mkdir()
    cells = [{"cell_type": "code", "metadata": {"alt": "a line"}, "source": "1"}]
    written = (script / "one.py", 50), (whole / "one.ipynb", 0), (reduced / "one.ipynb", 100)
    for path, seconds in written:
        path.write_text(json.dumps({"cells": cells}))
        os.utime(path, (seconds, seconds))
    monkeypatch.setattr(docs_notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(docs_notebooks, "WHOLE", whole)
    monkeypatch.setattr(docs_notebooks, "REDUCED", reduced)
    assert docs_notebooks.collect(tmp_path / "shown") == 1
    shown = json.loads((tmp_path / "shown" / "one.ipynb").read_text())["cells"]
    assert "reduced settings" in shown[1]["source"]
    assert shown[0]["metadata"]["mystnb"] == {"image": {"alt": "a line"}}
    os.utime(whole / "one.ipynb", (100, 100))
    docs_notebooks.collect(tmp_path / "shown")
    assert len(json.loads((tmp_path / "shown" / "one.ipynb").read_text())["cells"]) == 1


def test_every_page_is_in_a_table_of_contents() -> None:
    text = "\n".join(page.read_text() for page in DOCS.glob("*.md"))
    entries = set(re.findall(r"^([a-z-]+)$", text, re.MULTILINE)) | {"index", "interfaces"}
    assert {page.stem for page in DOCS.glob("*.md")} - entries == set()


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    out = tmp_path / "html"
    done = subprocess.run(
        [sys.executable, "-m", "tools.build_docs", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    inventory = (out / "objects.inv").read_bytes()
    listed = zlib.decompress(inventory.split(b"\n", 4)[4]).decode()
    entries = {line.split(" ")[0] for line in listed.splitlines()}
    assert set(promised_names()) - entries == set()
    assert "<math" in (out / "reference/generated/proofs.null_space_ambiguity.html").read_text()
