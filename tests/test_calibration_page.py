"""What the page on calibration says of its tables is what they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "calibration.md").read_text(encoding="utf-8")
SUMMARY = "What keeps its level, and what does not"
# Beginning of a heading or of a table's first cell -> columns of error rates and their level, in
# per cent. Those of rival methods, and lengths, are not judged.
JUDGED = {
    "clusters | n | truth below the low end: here": {2: 2.5, 5: 2.5, 10: 0.2},
    "clusters | n | margin": {3: 5.0, 4: 5.0},
    "n | reference's effect": {2: 5.0, 3: 5.0, 4: 5.0},
    "tests | true nulls": {3: 5.0},
    "clusters | n | truth below the low end | truth": {2: 2.5, 3: 2.5, 4: 0.2},
    "TOST, normal, n": {2: 5.0, 3: 5.0},
    "TOST of a ratio, n": {2: 5.0, 3: 5.0, 4: 5.0},
    "Holm, tests": {3: 5.0},
    "prompts | n | another": {2: 5.0, 3: 5.0},
    "matrix | M x d": {2: 0.0},
}


def tables(text: str) -> list[list[list[str]]]:
    """Cells by row, the head first; the rule below it is left out."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [
        [row.strip("| ").split(" | ") for row in block.splitlines() if not row.startswith("|--")]
        for block in blocks
    ]


def missed(text: str) -> set[tuple[str, str]]:
    """Head of the column, and first cell of the row, where a rate is above its level.

    By more than four Monte-Carlo errors, as in the tests of the same rates.
    """
    found = set()
    for head, *rows in tables(text):
        (columns,) = [v for k, v in JUDGED.items() if " | ".join(head).startswith(k)]
        for row in rows:
            for column, level in columns.items():
                rate, error = map(float, row[column].split(" ± "))
                if rate - 4 * error > level:
                    found.add((head[column].removesuffix(": here"), row[0]))
    return found


def said(text: str) -> set[tuple[str, str]]:
    """The same pairs as the summary names them."""
    (table,) = tables(text.partition(f"## {SUMMARY}\n")[2].partition("\n## ")[0])
    return {(row[0], row[1]) for row in table[1:]}


def details(text: str) -> str:
    """The page without its summary."""
    before, _, rest = text.partition(f"## {SUMMARY}\n")
    return before + "\n## " + rest.partition("\n## ")[2]


def test_every_kind_of_table_is_there_and_judged():
    heads = [" | ".join(table[0]) for table in tables(details(PAGE))]
    assert sorted(head for key in JUDGED for head in heads if head.startswith(key)) == sorted(heads)
    assert len(heads) == len(JUDGED)


def test_what_misses_its_level_is_said_and_nothing_else():
    assert said(PAGE) == missed(details(PAGE))


@pytest.mark.parametrize("rate", ["5.1 ± 0.0", "9.9 ± 0.3"])
def test_a_rate_too_high_is_noticed(rate):
    table = (
        f"| prompts | n | another | endless |\n|---|---|---|---|\n| a | 4 | 5.0 ± 0.1 | {rate} |\n"
    )
    assert missed(table) == {("endless", "a")}
    assert missed(table.replace(rate, "5.3 ± 0.1")) == set()
