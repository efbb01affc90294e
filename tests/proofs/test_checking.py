"""The machinery that checks theorems can say no: each part fails when it should."""

import dataclasses

import numpy as np
import pytest
import sympy as sp

from proofs.checking import check, is_identity
from proofs.script import narrate
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)


def _square_theorem(**changes):
    """x² >= 0, with x real: small enough to break in every way."""
    x = sp.symbols("x", real=True)
    record = Theorem(
        id="T",
        name="square_nonnegative",
        title="Squares are non-negative",
        statement="x² >= 0 for every real x",
        latex="x^2 \\ge 0",
        regime="none",
        observable="none",
        estimand="none",
        assumptions=(Assumption("real", "Im x = 0", lambda z: z.imag == 0),),
        symbolic=SymbolicProof("every real x", lambda: [Identity("x² = |x|²", x**2, abs(x) ** 2)]),
        sample=lambda rng: complex(rng.standard_normal()),
        oracle="the sign",
        conclusions=(
            Conclusion("sign", "Re x² >= 0", lambda z: max(0.0, -(z**2).real), 1e-12, "rounding"),
        ),
        counterexamples=(Counterexample("real", lambda rng: 1j, "sign", "i² = -1"),),
        false_variants=(FalseVariant("x² <= 0", "sign", lambda z: (z**2).real),),
        sources=("school",),
        instances=5,
    )
    return dataclasses.replace(record, **changes)


def test_a_true_theorem_is_verified_and_narrated():
    result = check(_square_theorem())
    assert result.status == "verified"
    assert result.certificate.kind == "proof"
    text = narrate(result)
    assert "i² = -1" in text
    assert text.endswith(" s")


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        (
            {"symbolic": SymbolicProof("", lambda: [Identity("wrong", sp.Symbol("x"), 0)])},
            "symbolic",
        ),
        ({"symbolic": SymbolicProof("", lambda: [])}, "symbolic"),
        ({"sample": lambda rng: 1j}, "numeric"),
        ({"conclusions": (Conclusion("sign", "", lambda z: 1.0, 0.5, ""),)}, "numeric"),
        ({"conclusions": (Conclusion("sign", "", lambda z: np.nan, 0.5, ""),)}, "numeric"),
        (
            {"counterexamples": (Counterexample("real", lambda r: 1.0 + 0j, "sign", ""),)},
            "necessity",
        ),
        (
            {
                "assumptions": (
                    Assumption("real", "", lambda z: z.imag == 0),
                    Assumption("small", "", lambda z: abs(z) < 100),
                ),
                "counterexamples": (
                    Counterexample("real", lambda r: 200j, "sign", "violates two"),
                    Counterexample("small", lambda r: 200j, "sign", "violates two"),
                ),
            },
            "necessity",
        ),
        ({"false_variants": (FalseVariant("true", "sign", lambda z: 0.0),)}, "refuted_variants"),
        ({"false_variants": (FalseVariant("nan", "sign", lambda z: np.nan),)}, "refuted_variants"),
    ],
)
def test_each_part_can_fail_and_fails_the_theorem(changes, part):
    result = check(_square_theorem(**changes))
    assert result.status == "failed"
    found = getattr(result, part)
    statuses = {p.status for p in found} if isinstance(found, tuple) else {found.status}
    assert statuses & {"failed", "not_refuted"}


def test_a_theorem_without_symbolic_part_is_certified_by_numbers_only():
    result = check(_square_theorem(symbolic="not expressible"))
    assert result.status == "verified"
    assert (result.symbolic.status, result.certificate.kind) == ("not_applicable", "numeric")


def test_a_randomised_exact_step_makes_the_certificate_probabilistic():
    proof = SymbolicProof("", lambda: [Identity("rank", 2, 2, failure_bound=1e-18)])
    certificate = check(_square_theorem(symbolic=proof)).certificate
    assert (certificate.kind, certificate.bound) == ("probabilistic", 1e-18)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"counterexamples": ()}, "needs one counterexample"),
        ({"false_variants": ()}, "needs a conclusion and a false variant"),
        (
            {"false_variants": (FalseVariant("", "nothing", lambda z: 1.0),)},
            "no conclusion is named",
        ),
    ],
)
def test_a_record_with_loose_ends_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        _square_theorem(**changes)


def test_identities_hold_for_all_values_or_not_at_all():
    x, y = sp.symbols("x y")
    assert is_identity(Identity("", (x + y) ** 2, x**2 + 2 * x * y + y**2))
    assert is_identity(Identity("", sp.sin(x) ** 2 + sp.cos(x) ** 2, 1))
    assert is_identity(Identity("", sp.Matrix([[x, 0]]), sp.Matrix([[x, y - y]])))
    assert is_identity(Identity("", {1, 2}, {2, 1}))
    assert not is_identity(Identity("", x**2, x))
    assert not is_identity(Identity("", sp.Matrix([[x]]), sp.Matrix([[x, 0]])))
    assert not is_identity(Identity("", [x], [y]))


def test_a_counterexample_that_breaks_nothing_fails_the_theorem():
    """x = 1e-9 i is not real, but its square is negative by less than the tolerance."""
    example = Counterexample("real", lambda rng: 1e-9j, "sign", "too small to matter")
    (part,) = check(_square_theorem(counterexamples=(example,))).necessity
    assert (part.status, part.reason) == ("failed", "the conclusion holds without the assumption")
