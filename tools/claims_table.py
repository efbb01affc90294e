"""From the results of ``identifiability llm`` to the tables of docs/findings.md.

``python -m tools.claims_table PAGE RESULTS...`` writes, for each results file, how every claim came
out, which rows are refuted, and the paper's statistic beside the corrected one, between two markers
of the page, so that no figure is copied by hand.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tools.marked_block import replace_block

START, END = "<!-- claims: written by tools.claims_table -->", "<!-- end of claims -->"
OUTCOMES = ("confirmed", "refuted", "inconclusive")
PAPER = (3, 4, 5)
"""Claims that repeat a figure of the paper: efficacy, strengths, distances of outputs."""

Row = dict[str, Any]


def tables(results: dict[str, Any]) -> str:
    """All tables of one run, under a line that says what was run."""
    parts = [_run(results), _verdicts(results)]
    if any(row["verdict"] == "refuted" for row in results["claims"]):
        parts += ["Refuted rows, each at its own level:", _refuted(results)]
    if paper := _paper(results):
        parts += [
            "The paper's statistic beside the corrected one; median and range over the rows of all "
            "layers and traits:",
            paper,
        ]
    return "\n\n".join(parts)


def _run(results: dict[str, Any]) -> str:
    settings, model = results["settings"], results["model"]
    prompts = settings["prompts"]
    layers, traits = (", ".join(map(str, settings[key])) for key in ("layers", "traits"))
    return (
        f"**{model['name']}**, {settings['scale']} run: after block {layers} "
        f"(of {model['layers']}), {settings['position']}, {model['dtype']}, "
        f"seed {results['seed']}; {prompts['choosing']} prompts to choose, "
        f"{prompts['predicting']} to predict and {prompts['measuring']} to measure on; "
        f"traits {traits}. "
        f"{len(results['cells']['missing'])} results missing."
    )


def _verdicts(results: dict[str, Any]) -> str:
    """One line a claim: at how many layers and traits it holds, fails or stays open."""
    lines = [
        "| claim | theorem | holds | fails | open | rows: confirmed, refuted, open | checks |",
        "|---|---|--:|--:|--:|---|--:|",
    ]
    for family in results["families"]:
        places = [one for one in results["verdicts"] if one["claim"] == family["claim"]]
        whole = Counter(one["verdict"] for one in places)
        rows = ", ".join(str(sum(one[name] for one in places)) for name in OUTCOMES)
        counts = " | ".join(str(whole[name]) for name in OUTCOMES)
        # Rows true by algebra, also of a claim that has no others and so no place.
        checks = sum(
            row["claim"] == family["claim"] and row["identity"] and row["verdict"] == "confirmed"
            for row in results["claims"]
        )
        name = f"{family['number']} {family['title']}"
        lines.append(f"| {name} | {family['theorem']} | {counts} | {rows} | {checks} |")
    return "\n".join(lines)


def _refuted(results: dict[str, Any]) -> str:
    lines = [
        "| claim | block | trait | arm | α | predicted | measured | unit |",
        "|---|--:|---|---|--:|--:|---|---|",
    ]
    number = {family["claim"]: family["number"] for family in results["families"]}
    for row in results["claims"]:
        if row["verdict"] == "refuted":
            lines.append(
                f"| {number[row['claim']]} | {row['layer']} | {row['trait']} | {row['arm']} "
                f"| {row['alpha']:g} | {_number(row['prediction'])} "
                f"| {_number(row['measured'])} {_interval(row['interval'])} "
                f"| {row['unit'].replace('|', chr(92) + '|')} |"
            )
    return "\n".join(lines)


def _paper(results: dict[str, Any]) -> str:
    lines = [
        "| claim | arm | α | the paper's | corrected | rows |",
        "|---|---|--:|---|---|--:|",
    ]
    number = {family["claim"]: family["number"] for family in results["families"]}
    alike: dict[tuple[int, str, float], list[Row]] = defaultdict(list)
    for row in results["sweeps"]:
        if row["paper_statistic"] is not None and number[row["claim"]] in PAPER:
            alike[number[row["claim"]], row["arm"], row["alpha"]].append(row)
    for (claim, arm, alpha), rows in sorted(alike.items()):
        paper = _spread(row["paper_statistic"] for row in rows)
        corrected = _spread(row["measured"] for row in rows)
        lines.append(f"| {claim} | {arm} | {alpha:g} | {paper} | {corrected} | {len(rows)} |")
    return "\n".join(lines) if alike else ""


def _spread(values: Iterable[float | None]) -> str:
    found = [value for value in values if value is not None]
    if not found:
        return "not to be had"
    if len(found) == 1:
        return _number(found[0])
    return f"{_number(median(found))} ({_number(min(found))} to {_number(max(found))})"


def _interval(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"[{_number(ends[0])}, {_number(ends[1])}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    page, *sources = map(Path, sys.argv[1:])
    found = [json.loads(source.read_text(encoding="utf-8")) for source in sources]
    replace_block(page, START, END, "\n\n".join(map(tables, found)))
