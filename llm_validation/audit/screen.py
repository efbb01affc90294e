"""An audit on one screen: at most 45 lines of at most 100 columns."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

import numpy as np

from identifiability.verdict import CertificateKind
from llm_validation.audit.random_step import STEPS
from llm_validation.audit.record import AuditRecord, Power
from llm_validation.audit.settle import Recovery

COLUMNS = 100
CONTEXT = 20  # characters shown before two completions part
NAME = 40  # characters of a model's name
SUM_OF_ERRORS = 0.05
"""Of both kinds, at which it is said what epsilon means."""
_HOLDS = {True: "holds", False: "fails", None: "not decided"}


def screen(audit: AuditRecord) -> str:
    """The answer in the order in which it is asked for."""
    parts = (_head, _verdict, _witness, _score, _texts, _representative, _ways, _power, _limits)
    return "\n".join(_cut(line) for part in parts for line in part(audit))


def _head(audit: AuditRecord) -> Iterator[str]:
    yield (
        f"{audit.source} on {_end(audit.model['name'])} ({audit.model['dtype']}), after block "
        f"{audit.layer}; ‖v‖ = {audit.vector.norm:.3g}, alpha {audit.alpha:g}"
    )


def _verdict(audit: AuditRecord) -> Iterator[str]:
    size, spectrum = audit.class_size, audit.steered.spectrum
    yield ""
    exact = audit.certificate.kind is CertificateKind.PROOF
    if exact:
        yield f"Verdict: {audit.verdict.value}, exactly"
    else:
        verdict = f"Verdict: {audit.verdict.value} at {audit.epsilon:g} nats"
        yield from _wrapped(verdict, _samples_of_epsilon(audit))
    yield from textwrap.wrap(f"  {audit.reason}", COLUMNS, subsequent_indent="    ")
    if exact:
        yield f"  proved for the line v + c 1; what follows is numeric, at {audit.epsilon:g} nats"
    yield (
        f"  class of dimension {size.dimension} of {size.width}; another {size.prompts} "
        f"prompts: {size.low} to {size.high}{_endless(audit)}"
    )
    yield (
        f"  {audit.energy_below_epsilon:.1%} of v's energy is invisible (in sample)"
        f"{'' if exact else _least(audit.flips_at)}"
    )
    kernel = spectrum.width - spectrum.rank()
    yield (
        f"  certificate: {audit.certificate.kind.value}; at the noise floor "
        f"({spectrum.noise_floor:.1g} of {spectrum.values[0]:.2g}) dim ker = {kernel}"
    )


def _endless(audit: AuditRecord) -> str:
    endless = audit.class_size.endless
    return "" if endless is None else f"; endless ones: at most {endless:.0f}"


def _samples_of_epsilon(audit: AuditRecord) -> str:
    if not audit.observable.counts_outputs:
        return ""
    # Errors sum to at least (2/e) exp(-n KL) (N7): necessary, and by far not enough.
    fewest = math.ceil(math.log(2 / (math.e * SUM_OF_ERRORS)) / audit.epsilon)
    return f" ({fewest:,}+ outputs of such prompts needed, error sum {SUM_OF_ERRORS:g})"


def _least(ends: tuple[float, float]) -> str:
    low, high = ends
    if low == 0:
        return f"; below epsilon = {high:.1g} rounding decides what is"
    return f"; below epsilon = {low:.2g} no direction is invisible"


def _witness(audit: AuditRecord) -> Iterator[str]:
    found = audit.witness
    yield ""
    if found is None:
        yield "Witness: none, no direction was found to be invisible"
        return
    same = "same norm" if found.same_norm else "no other member has v's norm"
    yield (
        f"Witness: cos(v, v') = {found.cosine:+.3f}, {same}, "
        f"alpha ‖v' - v‖ = {found.fraction:.2g} R"
    )
    where = "inside" if found.as_predicted else "OUTSIDE"
    yield (
        f"  predicted {found.predicted:.2g} nats [{found.predicted_low:.2g}, "
        f"{found.predicted_high:.2g}] on other prompts, second order (random step: "
        f"{found.random_step:.2g})"
    )
    yield (
        f"  measured  {found.measured.estimate:.2g} nats [{found.measured.low:.2g}, "
        f"{found.measured.high:.2g}] on {audit.measured_on} held-out prompts: {where} of that"
    )
    random = found.random_measured
    where = "above epsilon" if found.telling(audit.epsilon) else "not shown above epsilon"
    yield (
        f"  random    {random.estimate:.2g} nats [{random.low:.3g}, {random.high:.2g}], {STEPS} "
        f"steps as long on each: {where}"
    )
    if not found.in_range:
        yield "  the second order was seen to hold at no distance: only the measured value counts"


def _score(audit: AuditRecord) -> Iterator[str]:
    scored = audit.scored
    if scored is None:
        return
    if scored.effect is None or scored.witness_effect is None or scored.equivalence is None:
        found = scored.validity
        yield (
            f"  {scored.trait} score: not valid here, AUC {found.auc:.2f} "
            f"[{found.low:.2f}, {found.high:.2f}] over {found.n} pairs; not scored"
        )
        return
    tested = scored.equivalence
    word = "within" if tested.equivalent else "not shown within"
    yield from _wrapped(
        f"  {scored.trait} score: v {scored.effect.estimate:+.3g}, v' "
        f"{scored.witness_effect.estimate:+.3g} nats/token,",
        f" ratio [{tested.low:.2g}, {tested.high:.2g}]: {word} 20 %, p = {tested.p:.1g}",
    )


def _texts(audit: AuditRecord) -> Iterator[str]:
    """The first prompt whose completions part, from shortly before they do."""
    pairs = [(" ".join(t.vector.split()), " ".join(t.witness.split())) for t in audit.texts]
    if not pairs:
        return
    parted = [(one, other) for one, other in pairs if one != other]
    if not parted:
        yield f"  v and v' write the same after {len(pairs)} of {len(pairs)} prompts"
        return
    one, other = parted[0]
    common = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    start = max(0, common - CONTEXT)
    dots = "..." if start else ""
    for name, text in (("v ", one), ("v'", other)):
        yield f"  {name} writes: {dots}{text[start:]}"


def _representative(audit: AuditRecord) -> Iterator[str]:
    norm = float(np.linalg.norm(audit.representative))
    yield ""
    yield (
        f"Representative: ‖a‖ = {norm:.3g}, {norm / audit.vector.norm:.0%} of ‖v‖; "
        "the part seen above epsilon at this radius"
    )
    for other in audit.comparisons:
        if other.behavioural is None or other.interval is None:
            seen = "behavioural cosine: one of the two is not seen"
        else:
            low, high = other.interval
            seen = f"behavioural cosine {other.behavioural:+.3f} [{low:+.3f}, {high:+.3f}]"
        yield f"  {other.name}: {seen}, Euclidean {other.euclidean:+.3f}"


def _ways(audit: AuditRecord) -> Iterator[str]:
    yield ""
    yield "What would settle it (condition here; class that would remain; needs)"
    for way in audit.ways_out:
        yield f"  {way.assumption:<13} {_HOLDS[way.condition_holds]:<12} {_after(way)}"
        yield f"  {'':<13} {way.needs}"


def _after(way: Recovery) -> str:
    low, high = way.after_interval
    stat = f"{way.statistic:.0f} [{way.interval[0]:.0f}, {way.interval[1]:.0f}]"
    left = f"leaves {way.class_dimension_after:.0f} [{low:.0f}, {high:.0f}]"
    if way.class_dimension_after == low < high:
        left = f"leaves {low:.0f} or more"
    if way.if_held is not None:
        left = f"would leave {way.if_held:.0f} if it held"
    return f"{way.theorem}: {stat} against {way.threshold:,.0f}; {left}"


def _power(audit: AuditRecord) -> Iterator[str]:
    yield ""
    if audit.power is not None:
        yield from _needed(audit, audit.power)
    largest = audit.strength_range.largest
    reach = "none tried" if largest is None else f"alpha = {largest:g}"
    line = f"First order holds within a factor of 2: along v up to {reach}"
    if audit.witness is not None:
        times = audit.witness.range.largest
        line += "; along v' - v up to "
        line += "no step tried" if times is None else f"{times:g} steps"
    yield line


def _needed(audit: AuditRecord, power: Power) -> Iterator[str]:
    what = "to tell v from v' (0.05 each)"
    if audit.observable.counts_outputs:
        value, most, least = (_samples(count) for count in power.outputs)
        counted = f"Power: at least {value} outputs [{least}, {most}] of prompts drawn like these"
        yield from _wrapped(counted, f" {what}")
    else:
        yield f"Power: no number of outputs {what} for this observable"
    if power.score is not None:
        value, most, least = (_samples(count) for count in power.score)
        yield f"Power: {value} prompts [{least}, {most}] by the score {what}"


def _samples(count: int | None) -> str:
    return "endless" if count is None else f"{count:,}"


def _limits(audit: AuditRecord) -> Iterator[str]:
    template = "chat template" if audit.chat else "raw prompts"
    where = "at the last prompt token"
    if audit.observable.kind not in ("next-token", "topk"):
        where = "from the last prompt token on"
    yield from _wrapped(f"Holds for: {audit.observable.words};", f" steered {where},")
    variance = (
        "" if audit.score_variance is None else f", score variance {audit.score_variance:.3g}"
    )
    prompts = (
        f"  {audit.chosen_on} prompts to choose and {audit.measured_on} to measure ({template}),"
    )
    yield from _wrapped(prompts, f" layer {audit.layer} alone{variance}, seed {audit.seed}")


def _wrapped(start: str, end: str) -> list[str]:
    """One line, or two where it would be cut."""
    indent = " " * (len(start) - len(start.lstrip()) + 1)
    return [start + end] if len(start + end) <= COLUMNS else [start, indent + end]


def _end(name: str) -> str:
    """Of a model in a folder, the end of its path: the line has more to say."""
    return name if len(name) <= NAME else f"…{name[1 - NAME :]}"


def _cut(line: str) -> str:
    return line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…"
