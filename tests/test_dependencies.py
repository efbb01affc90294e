"""Every dependency is justified on its page, and every justification has a dependency."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GROUPS = {"Always": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
PAGE = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")


def justified(page: str) -> dict[str, list[tuple[str, ...]]]:
    """Rows of the tables of packages by group: the heading up to its colon, without code marks."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        rows = [tuple(row.split(" | ")) for row in re.findall(r"^\| (.+) \|$", text, re.MULTILINE)]
        if rows and rows[0][0] == "package":
            found[heading.split(":")[0].strip("`")] = rows[1:]
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_every_line_of_a_group_is_justified_once_and_in_its_order(group: str):
    named = [canonicalize_name(Requirement(text).name) for text in GROUPS[group]]
    assert [row[0] for row in justified(PAGE)[group]] == named


def test_the_page_has_no_group_of_its_own_and_no_empty_reason():
    assert set(justified(PAGE)) == set(GROUPS)
    for rows in justified(PAGE).values():
        for row in rows:
            assert len(row) == 3 and all(cell.strip() for cell in row), row


def test_a_package_too_many_or_too_few_is_noticed():
    rows = justified(PAGE.replace("| gguf |", "| gguf-parser |"))["llm"]
    assert [row[0] for row in rows] != [row[0] for row in justified(PAGE)["llm"]]
    without = re.sub(r"^\| psutil .*\n", "", PAGE, flags=re.MULTILINE)
    assert len(justified(without)["llm"]) == len(justified(PAGE)["llm"]) - 1


# The one file that it reads is checked by SHA-256 before.
PINNED = {"llm_validation/unpacking.py"}


def loads(path: Path) -> list[ast.Call]:
    """Calls that load a model, its tokenizer or its configuration."""
    return [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "from_pretrained"
    ]


def test_code_of_a_model_is_off_wherever_one_is_loaded_from_a_folder_or_the_hub():
    """The page says that there is no flag."""
    seen = 0
    for folder in ("identifiability", "llm_validation", "proofs", "toy_models"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.relative_to(ROOT).as_posix() in PINNED:
                continue
            for call in loads(path):
                given = {word.arg: word.value for word in call.keywords}
                off = given.get("trust_remote_code")
                assert isinstance(off, ast.Constant) and off.value is False, (path, call.lineno)
                seen += 1
    assert seen >= 3
