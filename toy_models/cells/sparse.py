r"""Sparse codes on superposed features: which of R2's conditions decides, and how they fail.

A code comes back where it is the only one of k entries *and* the method finds it; each failure is
planted by construction and read off the estimate against the planted code and its rival. Rows do
not rest on luck: codes that must come back are below the coherence bound, on a face of the l1
polytope, or have a kernel of 0; codes that must not have a rival.

Score: |cosine| of the code found and the planted one, in the scale of the columns of JD.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from identifiability.recovery.sparse import SparseRecovery
from toy_models.matrix import Measurement, Outcome, Row, row
from toy_models.superposition import Superposed, Superposition

# Relative error of the code. Refitted on the right support it is right to rounding times the
# condition of k columns, 1e-9 for 1e6; any wrong support of these entries misses by 0.1 or more.
RECOVERED = 1e-6
_DRAWS = 2000

NOT_SPARSE = "no k-sparse code explains the response"
TWO = "two k-sparse explanations"
ONE_VECTOR = "one vector, two codes"
L1_MISSES = "l1 misses the only k-sparse code"
GREEDY = "greedy choice outside the support"
UNDECIDED = "undecided, and says so"


def measure(
    model: Superposition, method: str, normalise: bool, noise_known: bool, limit: int, seed: int
) -> Measurement:
    """Decode one response, and read off what came back."""
    instance = model.sample(seed)
    size = float(np.linalg.norm(instance.response))
    # The noise has norm `noise` times that of J v, which is at most size/(1 - noise).
    error = model.noise * size / (1 - model.noise) if noise_known else 0.0
    recovery = SparseRecovery(
        dictionary=instance.dictionary,
        sparsity=model.sparsity,
        method=method,
        normalise=normalise,
        response_error=error,
        affine=True,
        search_limit=limit,
    ).fit(instance.jacobian, instance.response)
    scale = np.linalg.norm(instance.jacobian @ instance.dictionary, axis=0)
    scale = np.where(scale > RECOVERED, scale, 1.0)  # an atom in ker J: as it is
    score = _cosine(recovery.codes_ * scale, instance.code * scale)
    return Measurement(
        outcome=_outcome(instance, recovery, scale, noise_known and model.noise > 0),
        score=score,
        score_min=score,
        interval=(score, score),  # one code: nothing to resample
        chance=chance(model.features, model.sparsity),
        n=len(instance.response),
        d=model.width,
    )


def chance(features: int, sparsity: int) -> float:
    """Mean |cosine| of two random codes of k normal entries, over 2000 draws."""
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((2, _DRAWS, features))
    ranks = rng.random(codes.shape).argsort(axis=-1).argsort(axis=-1)
    return float(np.mean([_cosine(*pair) for pair in (codes * (ranks < sparsity)).swapaxes(0, 1)]))


def _cosine(first: np.ndarray, second: np.ndarray) -> float:
    sizes = np.linalg.norm(first) * np.linalg.norm(second)
    return min(1.0, float(abs(first @ second) / sizes)) if sizes > 0 else 0.0


def _outcome(
    instance: Superposed, recovery: SparseRecovery, scale: np.ndarray, noisy: bool
) -> Outcome:
    code, found = instance.code * scale, recovery.codes_ * scale
    said, verdict = recovery.prediction_, str(recovery.report_.verdict)
    error = float(np.linalg.norm(found - code))
    # With noise two codes that explain the response may differ by the bound, and no more; one
    # as large as the entries would promise nothing.
    bound = recovery.error_bound_ if noisy else RECOVERED * float(np.linalg.norm(code))
    if noisy and bound > 0.5 * np.abs(code[code != 0]).min():
        return Outcome(False, "the bound on the error promises nothing")
    vector_error = np.linalg.norm(recovery.vector_ - instance.vector)
    same_vector = bool(vector_error <= RECOVERED * np.linalg.norm(instance.vector))
    if said.recovers is None:
        missed = np.linalg.norm(instance.jacobian @ recovery.vector_ - instance.response)
        allowed = recovery.report_.tolerance + RECOVERED * np.linalg.norm(instance.response)
        if missed > allowed:
            return Outcome(False, "undecided, and the vector found explains nothing")
        return Outcome(False, UNDECIDED if verdict == "undetermined" else "undecided, yet claimed")
    if error <= bound:
        claimed = said.recovers and verdict == "globally_identifiable"
        return Outcome(True) if claimed else Outcome(False, "recovered, but the method denies it")
    if said.recovers:
        return Outcome(False, "not recovered, although the method says so")
    unique = verdict == "globally_identifiable"
    explained = None if recovery.explanations_ is None else len(recovery.explanations_)
    observed = {
        ONE_VECTOR: same_vector and unique,
        TWO: not same_vector and _lists_both(instance, recovery) and not unique,
        NOT_SPARSE: not same_vector and explained == 0 and not unique,
        L1_MISSES: unique and np.count_nonzero(np.abs(found) > RECOVERED) > recovery.sparsity,
        GREEDY: unique and bool(np.any(found[code == 0])),
    }
    mode = said.failure_mode or ""
    return Outcome(False, mode if observed.get(mode, False) else f"not {mode}, as the method says")


def _lists_both(instance: Superposed, recovery: SparseRecovery) -> bool:
    """Whether planted code and rival are among the explanations, as far as outputs tell them."""
    rows = np.linalg.norm(instance.jacobian @ instance.dictionary, axis=0) > RECOVERED
    found = recovery.explanations_
    if found is None or len(found) < 2:
        return False
    wanted = [instance.code] if instance.rival is None else [instance.code, instance.rival]
    return len(found) == 8 or all(
        np.linalg.norm((found - z) * rows, axis=1).min() <= RECOVERED * np.linalg.norm(z)
        for z in wanted
    )


def _row(
    condition: str,
    model: Superposition,
    failure: str | None = None,
    *,
    method: str = "l1",
    normalise: bool = True,
    noise_known: bool = True,
    limit: int = 20_000,
) -> Row:
    """A row that recovers, or fails as said."""
    remark = f"method={method!r}"
    remark += "" if normalise else ", normalise=False"
    remark += "" if noise_known else ", noise not stated"
    measured = partial(measure, model, method, normalise, noise_known, limit)
    return row("sparse", model, condition, failure, measured, remark)


# mu = 1/4: below the coherence bound for k = 2, and K > d > M.
_INCOHERENT = Superposition(width=24, features=32, measurements=16, frame="hadamard")
_LARGE = Superposition(width=80, features=128, measurements=64, frame="hadamard", sparsity=4)
_SMALL = Superposition(width=6, features=8, measurements=3)
_FOUR = Superposition(width=6, features=4, measurements=4)
_SIMPLEX = Superposition(frame="simplex", features=7, measurements=6, width=8, sparsity=3)
_OPEN = Superposition(width=40, features=48, measurements=24, sparsity=4)
_FACE, _TWO = Superposition(code="face"), Superposition(code="two_codes")
_SHORT = Superposition(width=6, features=5, measurements=4, frame="simplex", sparsity=1, short=10.0)


def _uniqueness_rows() -> list[Row]:
    spark, kernel = "spark(JD) > 2k", "ker J meets D Sigma_2k only in 0"
    this, basis = "only one k-sparse code explains it", "v is sparse in the dictionary given"
    repeated = replace(_SMALL, code="two_codes", measurements=2, repeats=2)
    rotated = replace(_INCOHERENT, rotated=True)
    return [
        _row(spark, _FACE),
        _row(spark, _TWO, TWO),
        _row(spark, Superposition(code="hidden_atom"), TWO),
        _row(spark, replace(_SMALL, code="face", measurements=4)),
        _row(spark, repeated, TWO),
        # Three rows: some code fails (spark = 4 = 2k), this one does not.
        _row(this, replace(_SMALL, code="face")),
        _row(this, replace(_SMALL, code="two_codes"), TWO),
        _row(kernel, _FOUR),
        _row(kernel, replace(_FOUR, code="one_vector", measurements=3), ONE_VECTOR),
        _row(basis, _INCOHERENT),
        _row(basis, rotated, NOT_SPARSE),
        _row(basis, rotated, NOT_SPARSE, method="omp"),
    ]


def _method_rows() -> list[Row]:
    bound, certificate = "k < (1 + 1/mu)/2", "the dual certificate of this code"
    greedy, lengths = "the greedy choices stay in the support", "columns of one length"
    decoy, uneven = Superposition(code="decoy", features=8), replace(_INCOHERENT, spread=1000.0)
    return [
        _row(bound, _INCOHERENT, method="omp"),
        _row(bound, _SIMPLEX),
        _row(bound, _LARGE),
        _row(bound, _LARGE, method="omp"),
        _row(bound, _OPEN, UNDECIDED, limit=2000),
        _row(certificate, replace(_FACE, features=20)),
        _row(certificate, Superposition(code="cheaper_rival"), L1_MISSES),
        _row(greedy, decoy, GREEDY, method="omp"),
        _row(greedy, decoy),
        _row(lengths, uneven),
        _row(lengths, uneven, method="omp"),
        _row(lengths, _SHORT),
        _row(lengths, _SHORT, L1_MISSES, normalise=False),
    ]


def _noise_rows() -> list[Row]:
    stated, noisy = "the noise is stated", replace(_INCOHERENT, noise=1e-3)
    return [
        _row(stated, noisy),
        _row(stated, noisy, method="omp"),
        _row(stated, noisy, NOT_SPARSE, noise_known=False),
    ]


ROWS = (*_uniqueness_rows(), *_method_rows(), *_noise_rows())
