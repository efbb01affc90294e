"""The tables of docs/findings.md, on a results file small enough to count by hand."""

import json

import pytest

from tools import claims_table, marked_block


def _verdict(layer, verdict, counts):
    return {
        "claim": "epsilon_null",
        "layer": layer,
        "trait": "formality",
        "verdict": verdict,
        **dict(zip(claims_table.OUTCOMES, counts, strict=True)),
    }


def _row(layer, measured, paper=None, **changes):
    return {
        "claim": "epsilon_null",
        "layer": layer,
        "trait": "formality",
        "arm": "v + random",
        "alpha": 0.5,
        "prediction": 1.0,
        "measured": measured,
        "interval": [measured - 0.25, measured + 0.25],
        "unit": "nats",
        "verdict": "confirmed",
        "identity": False,
        "paper_statistic": paper,
    } | changes


@pytest.fixture
def results():
    rows = [_row(7, 0.5, 0.9), _row(15, 0.25, 0.7), _row(22, 3.0, None, verdict="refuted")]
    return {
        "seed": 4,
        "model": {"name": "tiny", "layers": 30, "dtype": "float32"},
        "settings": {
            "scale": "full",
            "layers": [7, 15, 22],
            "position": "last prompt token",
            "prompts": {"choosing": 20, "predicting": 21, "measuring": 22},
            "traits": ["formality"],
        },
        "families": [{"claim": "epsilon_null", "number": 3, "theorem": "N7", "title": "is null"}],
        "verdicts": [
            _verdict(7, "confirmed", (4, 0, 0)),
            _verdict(15, "inconclusive", (3, 0, 1)),
            _verdict(22, "refuted", (1, 2, 1)),
        ],
        "claims": rows,
        "sweeps": rows,
        "cells": {"missing": []},
    }


def test_places_rows_and_checks_are_counted(results):
    check = {"identity": True}
    results["claims"] += [
        _row(7, 0.0, **check),
        _row(15, 0.0, **check),
        _row(22, 9.0, **check | {"verdict": "inconclusive"}),
        _row(22, 0.0, **check | {"claim": "of no place"}),
    ]
    results["families"].append({**results["families"][0], "claim": "of no place", "number": 4})
    found = claims_table.tables(results)
    assert "| 3 is null | N7 | 1 | 1 | 1 | 8, 2, 2 | 2 |" in found
    assert "| 4 is null | N7 | 0 | 0 | 0 | 0, 0, 0 | 1 |" in found


def test_each_refuted_row_is_shown_and_no_other(results):
    found = claims_table.tables(results)
    assert "| 3 | 22 | formality | v + random | 0.5 | 1 | 3 [2.75, 3.25] | nats |" in found
    assert found.count("[") == 1


def test_a_run_without_refuted_rows_has_no_such_table(results):
    results["claims"] = results["claims"][:2]
    assert "Refuted" not in claims_table.tables(results)


def test_the_papers_statistic_stands_beside_the_corrected_one(results):
    """Of the two rows that have one; the third would move both medians."""
    found = claims_table.tables(results)
    assert "| 3 | v + random | 0.5 | 0.8 (0.7 to 0.9) | 0.375 (0.25 to 0.5) | 2 |" in found


def test_what_repeats_no_figure_of_the_paper_has_no_such_table(results):
    results["families"][0]["number"] = 7
    assert "The paper's statistic" not in claims_table.tables(results)


def test_a_bar_in_a_unit_does_not_end_its_column(results):
    results["claims"][2]["unit"] = "|cosine|"
    assert r"| \|cosine\| |" in claims_table.tables(results)


def test_a_block_replaces_what_stands_between_its_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before <a>\nold\n<b> after\n", encoding="utf-8")
    marked_block.replace_block(page, "<a>", "<b>", "new")
    assert page.read_text(encoding="utf-8") == "before <a>\nnew\n<b> after\n"


def test_a_page_without_its_markers_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no markers\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="once each"):
        marked_block.replace_block(page, "<a>", "<b>", json.dumps("new"))
    assert page.read_text(encoding="utf-8") == "no markers\n"
