"""All theorems, in reading order; other packages add theirs through an entry point.

An entry point of the group ``identifiability.theorems`` names a ``Theorem``; it is listed after
the package's own.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from proofs.theorem import Theorem

THEOREMS = "identifiability.theorems"

READING_ORDER = (
    "null_space_ambiguity",
    "local_null_space",
    "strengths_are_environments",
    "exact_global_null_space",
    "generic_class_dimension",
    "strength_gauge",
    "reparametrisation_gauge",
    "transformer_symmetries",
    "fisher_pullback",
    "orthogonal_not_invisible",
    "baseline_lemma",
    "observation_ladder",
    "independence_identifies_columns",
    "sparse_dictionary",
    "sparse_l1",
    "structural_sparsity",
    "environments_rank",
    "environments_second_order",
    "environments_invariance",
    "cross_layer_observability",
    "generic_rank_disjoint_paths",
    "consistency_adds_no_rank",
    "finite_sample_stability",
    "planted_recovery",
)


@cache
def ledger() -> dict[str, Theorem]:
    """Every theorem by identifier, the package's own first.

    Raises
    ------
    InvalidInput
        If another package's theorem takes an identifier or name that is in use.
    """
    own = [import_module(f"proofs.{name}").THEOREM for name in READING_ORDER]
    found = {theorem.id: theorem for theorem in own}
    for entry in sorted(entry_points(group=THEOREMS), key=lambda e: e.name):
        theorem = entry.load()
        if theorem.id in found or theorem.name in {t.name for t in found.values()}:
            raise InvalidInput(
                f"entry point {entry.name!r} ({entry.value}) adds a theorem {theorem.id!r} "
                f"({theorem.name}), which exists already; give it another id and name"
            )
        found[theorem.id] = theorem
    return found


def select(wanted: list[str]) -> list[Theorem]:
    """Theorems by identifier, parent identifier, file name or unambiguous prefix of one.

    Raises
    ------
    InvalidInput
        For a name that matches nothing (the nearest is given) or several theorems.
    """
    theorems = ledger()
    if not wanted:
        return list(theorems.values())
    chosen = {theorem.id for name in wanted for theorem in _matching(name)}
    return [theorem for theorem in theorems.values() if theorem.id in chosen]


def _matching(name: str) -> list[Theorem]:
    theorems = list(ledger().values())
    key = name.removesuffix(".py").casefold()
    for exact in (lambda t: t.id.casefold() == key, lambda t: t.name == key):
        if found := [t for t in theorems if exact(t)]:
            return found
    # A parent such as R2 has no theorem of its own: it stands for R2a, R2b, R2c.
    if parts := [t for t in theorems if t.id.casefold()[:-1] == key]:
        return parts
    found = [t for t in theorems if key and t.name.startswith(key)]
    if len(found) == 1:
        return found
    if found:
        raise InvalidInput(
            f"{name!r} is the beginning of {', '.join(t.name for t in found)}; write more of it"
        )
    raise unknown("theorem", name, [t.id for t in theorems] + [t.name for t in theorems])
