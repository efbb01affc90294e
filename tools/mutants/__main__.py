"""``python -m tools.mutants``: 0 if every defect is caught, 1 if one survives, 2 if undecided."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.mutants import report
from tools.mutants.defect import WrongDefect, chosen
from tools.mutants.defects import DEFECTS
from tools.mutants.survey import Outcome, survey

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="only defects with one of these in name or file")
    parser.add_argument("--list", action="store_true", help="name them and stop")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for the checks of one")
    parser.add_argument("--json", help="file for the outcomes; - is stdout, without the table")
    parser.add_argument("--markdown", type=Path, help="file for the page of the documentation")
    given = parser.parse_args(arguments)
    if given.workers < 1:
        parser.error(f"--workers must be at least 1, got {given.workers}")
    try:
        wanted = chosen(DEFECTS, given.words)
        if given.list:
            print("\n".join(f"{one.name:<44} {one.file}" for one in wanted))
            return 0
        outcomes = survey(
            wanted, ROOT, workers=given.workers, limit=given.limit, told=_progress(len(wanted))
        )
    except WrongDefect as error:
        print(error, file=sys.stderr)
        return 2
    _write(outcomes, given.json, given.markdown)
    if any(one.problem for one in outcomes):
        return 2
    return 1 if any(one.survived for one in outcomes) else 0


def _progress(count: int) -> Callable[[Outcome], None]:
    done = 0

    def told(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        print(f"{done}/{count} {report.line(outcome)}", file=sys.stderr, flush=True)

    return told


def _write(outcomes: list[Outcome], target: str | None, markdown: Path | None) -> None:
    text = json.dumps(report.document(outcomes, len(DEFECTS)), indent=2) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        print(report.table(outcomes))
        if target is not None:
            Path(target).write_text(text, encoding="utf-8")
    if markdown is not None:
        markdown.write_text(report.page(outcomes, len(DEFECTS)), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
