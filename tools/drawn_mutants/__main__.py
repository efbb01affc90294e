"""``python -m tools.drawn_mutants``: a sample of cosmic-ray's changes against each module's tests.

The exit status is 0 if every change was decided, whatever survived; 2 if one could not be.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

from tools.drawn_mutants.draw import Change, NoDrawing, as_defect, changes, sample
from tools.drawn_mutants.fate import FATES, fates
from tools.drawn_mutants.modules import MODULES
from tools.mutants import report
from tools.mutants.defect import Defect
from tools.mutants.survey import Outcome, survey

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, try and count."""
    parser = argparse.ArgumentParser(prog="python -m tools.drawn_mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="only modules with one of these in their path")
    parser.add_argument("--each", type=int, default=20, help="passages of a module (default 20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for one change")
    parser.add_argument("--json", type=Path, help="file for the outcomes, with their texts")
    given = parser.parse_args(arguments)
    wanted = [m for m in MODULES if not given.words or any(w in m for w in given.words)]
    if not wanted:
        parser.error(f"no module has {' or '.join(given.words)} in its path; they are {[*MODULES]}")
    try:
        proposed = {m: changes((ROOT / m).read_text(encoding="utf-8")) for m in wanted}
    except NoDrawing as error:
        print(error, file=sys.stderr)
        return 2
    defects = _drawn(proposed, given.each, given.seed)
    done: list[Outcome] = []

    def told(outcome: Outcome) -> None:
        done.append(outcome)
        print(f"{len(done)}/{len(defects)} {report.line(outcome)}", file=sys.stderr, flush=True)
        if given.json is not None:
            _write(given.json, given.seed, proposed, done)

    outcomes = survey(defects, ROOT, workers=1, limit=given.limit, told=told)
    found = _counted(proposed, outcomes)
    heads = "changes", "places", "tried", *FATES
    print(f"{'module':<44} {' '.join(f'{head:>9}' for head in heads)}")
    for file, row in found.items():
        print(f"{file:<44} {' '.join(f'{row[head]:>9}' for head in heads)}")
    if given.json is not None:
        _write(given.json, given.seed, proposed, outcomes)
    return 2 if any(row["undecided"] for row in found.values()) else 0


def _drawn(proposed: Mapping[str, list[Change]], each: int, seed: int) -> list[Defect]:
    """One of each module in turn, so that a run cut short has tried all modules alike."""
    by_module = []
    for file, found in proposed.items():
        random = Random(f"{seed} {file}")  # whichever other modules are asked for
        drawn = sample(found, each, random)
        random.shuffle(drawn)
        by_module.append([as_defect(ROOT, file, change, MODULES[file]) for change in drawn])
    return [one for turn in zip_longest(*by_module) for one in turn if one is not None]


def _counted(
    proposed: Mapping[str, list[Change]], outcomes: Sequence[Outcome]
) -> dict[str, dict[str, int]]:
    found = {}
    for file, drawn_from in proposed.items():
        tally = Counter(fates([one for one in outcomes if one.defect.file == file]))
        found[file] = {
            "changes": len(drawn_from),
            "places": len({change.start for change in drawn_from}),
            "tried": tally.total(),
            **{fate: tally[fate] for fate in FATES},
        }
    return found


def _write(
    path: Path, seed: int, proposed: Mapping[str, list[Change]], outcomes: Sequence[Outcome]
) -> None:
    by_fate = fates(outcomes)
    document = {
        "seed": seed,
        "modules": _counted(proposed, outcomes),
        "mutants": [_record(*pair) for pair in zip(outcomes, by_fate, strict=True)],
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _record(outcome: Outcome, fate: str) -> dict[str, Any]:
    return {
        "name": outcome.defect.name,
        "file": outcome.defect.file,
        "old": outcome.defect.old,
        "new": outcome.defect.new,
        "fate": fate,
        "killed_by": outcome.caught_by,
        "problem": outcome.problem,
    }


if __name__ == "__main__":
    sys.exit(main())
