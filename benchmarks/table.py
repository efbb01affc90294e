"""From pytest-benchmark's JSON to the tables of README and documentation.

``make bench`` writes the JSON and runs this: ``python -m benchmarks.table JSON FILE [GROUP...]``.
The tables of all groups, or of those named, replace what stands between two markers of the file, so
that no figure is copied by hand.
"""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from tools.marked_block import replace_block

START, END = "<!-- benchmarks: written by make bench -->", "<!-- end of benchmarks -->"


def tables(results: dict[str, Any], groups: list[str]) -> str:
    """One table for each group, with every time as a ratio to the group's first benchmark."""
    entries = [e for e in results["benchmarks"] if not groups or e["group"] in groups]
    entries.sort(key=lambda entry: _order(results, entry["group"]))
    parts = [
        "\n".join(_table(group, list(some)))
        for group, some in groupby(entries, key=lambda entry: entry["group"])
    ]
    return "\n\n".join([_machine(results), *parts])


def _order(results: dict[str, Any], group: str) -> int:
    return [entry["group"] for entry in results["benchmarks"]].index(group)


def _table(group: str, entries: list[dict[str, Any]]) -> list[str]:
    first = _seconds(entries[0])
    lines = [f"| {group} | seconds | spread | ratio | |", "|---|--:|--:|--:|---|"]
    for entry in entries:
        seconds, scale = _seconds(entry), entry["extra_info"].get("times", 1)
        spread = scale * (entry["stats"]["max"] - entry["stats"]["min"])
        lines.append(
            f"| {_name(entry)} | {seconds:.3g} | {spread:.1g} | {seconds / first:.3g} "
            f"| {_notes(entry['extra_info'])} |"
        )
    return lines


def _seconds(entry: dict[str, Any]) -> float:
    """The quickest round, which other work on the machine disturbed least."""
    return entry["stats"]["min"] * entry["extra_info"].get("times", 1)


def _name(entry: dict[str, Any]) -> str:
    return entry["name"].removeprefix("test_").replace("_", " ")


def _notes(extra: dict[str, Any]) -> str:
    notes = []
    if extra.get("times", 1) != 1:
        notes.append(f"a {extra['times']}th part timed")
    if "gflop" in extra:
        notes.append(f"{extra['gflop']:.0f} GFLOP")
    notes += [
        f"{name}: error {error:.1e}" for name, error in extra.get("relative_error", {}).items()
    ]
    if "ratio_to_plain" in extra:
        middle, low, high = extra["ratio_to_plain"]
        notes.append(f"steered / plain, 20 pairs: median {middle:.3f} [{low:.3f}, {high:.3f}]")
    if "gib" in extra:
        notes.append(f"{extra['gib']['above']:.2f} GiB above {extra['gib']['model']:.2f}")
    return "; ".join(notes)


def _machine(results: dict[str, Any]) -> str:
    cpu, versions = results["machine_info"]["cpu"], results["machine_info"]
    return (
        f"Measured {results['datetime'][:10]} on {cpu.get('brand_raw', 'an unnamed processor')}, "
        f"2 threads, Python {versions['python_version']}; quickest of the rounds, spread from "
        "quickest to slowest, ratio to the first line."
    )


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:3])
    block = tables(json.loads(source.read_text(encoding="utf-8")), sys.argv[3:])
    replace_block(target, START, END, block)
