"""One verdict for each claim, layer and trait, with the multiplicity of a run controlled.

A claim says that all of its rows hold, but for those that are true by algebra: they check the code.
It is confirmed by the intersection-union test: every row must be, and the p-value is the largest of
theirs, which needs no correction (Berger 1982, doi:10.1080/00401706.1982.10487790). It is refuted
when any row is: the smallest p-value times the number of rows (Bonferroni). The family is all
claims of a run, at every layer and for every trait: Holm's method is applied to the p-values that
confirm, and again to those that refute, so that a false confirmation by a test anywhere in a run
has probability at most 2.5 %, and a false refutation likewise, as far as the intervals keep their
level. Rows about exact statements (a rank, a symmetry) carry no p-value: they hold for the
instances measured. A row that was to be judged and could not be measured leaves its claim open.

Rows keep the verdict at their own level; their ``p_adjusted`` is Holm's over the claim's rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from identifiability.statistics import holm
from llm_validation.claims.claim import ClaimResult, Outcome, Prediction
from llm_validation.claims.judgement import TEST_LEVEL

Place = tuple[str, int, str]
"""Claim, layer, trait."""


@dataclass(frozen=True)
class ClaimVerdict:
    """What a run says of one claim at one layer for one trait.

    Attributes
    ----------
    claim, layer, trait
        Of which.
    rows, confirmed, refuted, inconclusive
        Judged rows, and how they came out at their own level.
    missing, checks
        Predictions that were not measured; rows that are true by algebra and came out so.
    p_confirm, p_refute
        Adjusted over the run; None where no row comes from a test.
    verdict
        Of the claim as a whole.
    """

    claim: str
    layer: int
    trait: str
    rows: int
    confirmed: int
    refuted: int
    inconclusive: int
    missing: int
    checks: int
    p_confirm: float | None
    p_refute: float | None
    verdict: Outcome


def adjusted(rows: Sequence[ClaimResult]) -> list[ClaimResult]:
    """Rows with the p-value of their verdict adjusted over the judged rows of their claim."""
    done = list(rows)
    kinds = {Outcome.CONFIRMED: "p_confirm", Outcome.REFUTED: "p_refute"}
    for outcome, kind in kinds.items():
        for family in {row.family for row in rows}:
            tested = [
                i
                for i, row in enumerate(rows)
                if row.family == family
                and row.verdict is not None
                and getattr(row, kind) is not None
            ]
            if not tested:
                continue
            found = holm(np.array([getattr(rows[i], kind) for i in tested]))
            for i, p in zip(tested, found, strict=True):
                if rows[i].verdict is outcome:
                    done[i] = replace(rows[i], p_adjusted=float(p))
    return done


def claim_verdicts(
    rows: Sequence[ClaimResult], missing: Sequence[Prediction] = ()
) -> list[ClaimVerdict]:
    """One for each claim, layer and trait that has judged or missing rows, in their order.

    Parameters
    ----------
    rows
        All that were measured.
    missing
        What was predicted and was to be measured, and was not.
    """
    judged: dict[Place, list[ClaimResult]] = {}
    for row in rows:
        if row.verdict is not None and not row.identity:
            judged.setdefault(_place(row), []).append(row)
    lost = Counter(_place(prediction) for prediction in missing)
    places = list(dict.fromkeys([*judged, *lost]))
    some = [judged.get(place, []) for place in places]
    confirm = _family(
        [1.0 if lost[place] else _all_hold(of) for place, of in zip(places, some, strict=True)]
    )
    refute = _family([_one_fails(of) for of in some])
    checks = Counter(
        _place(row) for row in rows if row.identity and row.verdict is Outcome.CONFIRMED
    )
    return [
        _verdict(place, of, lost[place], checks[place], p, q)
        for place, of, p, q in zip(places, some, confirm, refute, strict=True)
    ]


def _place(row: Prediction) -> Place:
    return row.claim, row.layer, row.trait


def _all_hold(rows: Sequence[ClaimResult]) -> float | None:
    """Largest p-value; 1 if some row was not confirmed by a test, None if none is a test."""
    if all(row.p_confirm is None for row in rows):
        return None
    return max(
        1.0
        if row.p_confirm is None and row.verdict is not Outcome.CONFIRMED
        else row.p_confirm or 0
        for row in rows
    )


def _one_fails(rows: Sequence[ClaimResult]) -> float | None:
    """Smallest p-value times the rows tested."""
    found = [row.p_refute for row in rows if row.p_refute is not None]
    return min(1.0, len(found) * min(found)) if found else None


def _family(values: Sequence[float | None]) -> list[float | None]:
    tested = [value for value in values if value is not None]
    found = iter(holm(np.array(tested)) if tested else ())
    return [None if value is None else float(next(found)) for value in values]


def _verdict(
    place: Place,
    rows: Sequence[ClaimResult],
    missing: int,
    checks: int,
    p: float | None,
    q: float | None,
) -> ClaimVerdict:
    claim, layer, trait = place
    confirmed, refuted, inconclusive = (
        sum(row.verdict is outcome for row in rows) for outcome in Outcome
    )
    exactly = [row.verdict for row in rows if row.p_confirm is None and row.p_refute is None]
    if (q is not None and q <= TEST_LEVEL) or Outcome.REFUTED in exactly:
        verdict = Outcome.REFUTED
    elif (p is None or p <= TEST_LEVEL) and all(v is Outcome.CONFIRMED for v in exactly):
        verdict = Outcome.CONFIRMED
    else:
        verdict = Outcome.INCONCLUSIVE
    return ClaimVerdict(
        claim,
        layer,
        trait,
        len(rows),
        confirmed,
        refuted,
        inconclusive,
        missing,
        checks,
        p,
        q,
        verdict,
    )
