"""What would make the vector identifiable: each condition here, what it would leave, what it takes.

Nothing is said to hold that a check could not decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from identifiability.recovery.ica_conditions import enough_samples
from llm_validation.audit.class_size import ClassSize

SPARSE_SHARE = 0.99
"""Of a vector's energy that its entries must carry to count as its support."""


@dataclass(frozen=True)
class Recovery:
    """One way out.

    Attributes
    ----------
    assumption
        ``independence``, ``sparsity``, ``environments``, ``layers`` or ``prompts``.
    theorem
        In theory.md.
    condition
        What has to hold, in words.
    condition_holds
        None where it could not be decided.
    statistic, interval, threshold
        What was compared.
    class_dimension_after
        Of the class that remains, with ``after_interval``, the condition being as it was found.
    if_held
        Of the class that would remain if the condition held, where that decides; None where what
        remains is a matter of how much data there is. A line, dimension 1, where the length of v
        stays open.
    needs
        How much data, in words.
    applied
        Whether the data were given and the class computed with them.
    """

    assumption: str
    theorem: str
    condition: str
    condition_holds: bool | None
    statistic: float
    interval: tuple[float, float]
    threshold: float
    class_dimension_after: float
    after_interval: tuple[float, float]
    needs: str
    applied: bool = False
    if_held: float | None = None


def ways_out(vector: np.ndarray, size: ClassSize) -> list[Recovery]:
    """What is known of each from this audit's own data."""
    return [
        of_prompts(size),
        _independence(size),
        _sparsity(vector, size),
        _more("environments", "R3a", "prompts of another kind", size),
        _more("layers", "R4", "the same vector injected elsewhere", size),
    ]


def of_prompts(size: ClassSize) -> Recovery:
    """What more prompts of the same kind would leave."""
    doubled, endless = size.doubled, size.endless
    if doubled is None or endless is None:
        return _counted_equations(size)
    value, low, high = doubled
    return Recovery(
        "prompts",
        "N3, N7",
        "endless prompts of this kind close the class",
        True if endless < 0.5 else None,
        endless,
        (0.0, endless),
        0.0,
        value,
        (low, high),
        f"{size.prompts} more prompts of this kind: about {value:.0f}; endless: at most "
        f"{endless:.0f}",
    )


def _counted_equations(size: ClassSize) -> Recovery:
    """Each prompt shows so few numbers that only their count is known to bound the class."""
    each = size.equations or 1
    fewest = float(ceil(size.width / each))
    least = float(max(0, size.dimension - each * size.prompts))
    return Recovery(
        "prompts",
        "N3, N10",
        "prompts have d independent equations together, each above epsilon",
        None,
        float(size.prompts),
        (float(size.prompts), float(size.prompts)),
        fewest,
        least,
        (least, float(size.dimension)),
        f"{fewest:,.0f} prompts or more at {each} equation{'s' * (each > 1)} each; "
        f"{size.prompts} more leave {least:.0f} or more",
    )


def _independence(size: ClassSize) -> Recovery:
    enough = enough_samples(size.prompts, size.width)
    threshold = float(enough.threshold or 0)
    return Recovery(
        "independence",
        "R1",
        "states are A s with independent s, v along a column of A; states read, not outputs",
        None,
        float(size.prompts),
        (float(size.prompts), float(size.prompts)),
        threshold,
        float(size.dimension),
        (0.0, float(size.dimension)),
        f"{threshold:,.0f} states to decide it at d = {size.width}, {size.prompts} here; "
        "open: column, length",
        # R1 leaves order, sign and scale: which column v lies along is for the user to say, and
        # how long it is no state says (N4).
        if_held=1.0,
    )


def _sparsity(vector: np.ndarray, size: ClassSize) -> Recovery:
    entries = support_size(vector)
    visible = size.width - size.dimension
    least, most = size.width - size.high, size.width - size.low
    # Where fewer than min(2k, d) directions are seen, some 2k-sparse vector is invisible whatever
    # the support, so that not every k-sparse code is unique: that decides nothing of this v's own.
    wanted = min(2 * entries, size.width)
    holds = False if wanted > most else True if least == size.width else None
    needs = f"min(2k, d) = {wanted} visible ({visible} here)"
    needs += {None: "; spark not certified", False: " for every code", True: ""}[holds]
    needs += f"; without sparsity {size.dimension}"
    return Recovery(
        "sparsity",
        "R2",
        f"v has k = {entries} entries in the standard basis ({SPARSE_SHARE:.0%} of its energy), "
        "2k-sparse ones are seen",
        holds,
        float(visible),
        (float(least), float(most)),
        float(wanted),
        float(size.dimension),
        # Also where it fails: other codes then are not unique, and this one may be.
        (0.0, float(size.dimension)),
        needs,
        if_held=0.0,
    )


def support_size(vector: np.ndarray) -> int:
    """Fewest entries that carry ``SPARSE_SHARE`` of the energy."""
    energy = np.sort(vector**2)[::-1].cumsum()
    return int(np.searchsorted(energy, SPARSE_SHARE * energy[-1])) + 1


def _more(assumption: str, theorem: str, what: str, size: ClassSize) -> Recovery:
    visible = size.width - size.dimension
    least = max(0, size.dimension - visible)
    if size.dimension == 0:
        holds, needed, text = True, 1, "none: nothing is invisible here"
    elif visible == 0:
        holds, needed, text = False, 1, "no count is enough if all show as little as this one"
    else:
        holds, needed = False, 1 + ceil(size.dimension / visible)
        text = f"at least {needed - 1} more of rank {visible}; one leaves {least} or more"
        text += f" (--apply {assumption}=...)"
    return Recovery(
        assumption,
        theorem,
        f"enough {assumption} ({what}) without a shared null direction",
        holds,
        1.0,
        (1.0, 1.0),
        float(needed),
        float(least),
        (float(least), float(size.dimension)),
        text,
    )
