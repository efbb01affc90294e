"""The estimate of a sparse code, what is seen of it afterwards, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.recovery.sparse_problem import SparseProblem
from identifiability.regime import SINGLE_LAYER
from identifiability.sparse_codes import basis_pursuit, basis_pursuit_denoising, matching_pursuit
from identifiability.sparsity import DEPENDENT, support, unit_columns
from identifiability.spectrum import Spectrum
from identifiability.verdict import (
    Certificate,
    CertificateKind,
    Condition,
    Prediction,
    Report,
    Verdict,
    Witness,
)


def estimate(problem: SparseProblem) -> tuple[np.ndarray, str]:
    """The code (K,) in the scale of the columns, refitted on its support, and any complaints."""
    size = float(np.linalg.norm(problem.response))
    if size == 0:
        return np.zeros(problem.columns.shape[1]), ""
    code, complaint = _solved(problem, problem.response / size, problem.error / size)
    return _refitted(problem, code * size), complaint


def _solved(problem: SparseProblem, response: np.ndarray, error: float) -> tuple[np.ndarray, str]:
    """For a response of norm 1: the tolerances of the solvers are absolute."""
    columns = problem.columns
    if problem.method == "omp":
        return matching_pursuit(columns, response, problem.sparsity)
    if error > 0:
        return basis_pursuit_denoising(columns, response, error)
    code, complaint = basis_pursuit(columns, response)
    if complaint:  # repeated rows that disagree, if only by rounding
        code, complaint = basis_pursuit(*_independent_rows(columns, response))
    return code, complaint


def _independent_rows(columns: np.ndarray, response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same equations without those that repeat or contradict others (least squares)."""
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    rank = int(np.sum(values > DEPENDENT * values[0]))
    return left[:, :rank].T @ columns, left[:, :rank].T @ response


def _refitted(problem: SparseProblem, code: np.ndarray) -> np.ndarray:
    """Least squares on the support, where k entries explain the response; else the code itself.

    Noise spreads a code of least l1 norm over further entries: there the k largest are tried.
    Without noise nothing is thrown away, so that a code of more than k entries shows as one.
    """
    entries = support(code)
    if problem.error > 0:
        entries[np.argsort(-np.abs(code))[problem.sparsity :]] = False
    if not 0 < entries.sum() <= problem.sparsity:
        return code
    weights = np.linalg.lstsq(problem.columns[:, entries], problem.response)[0]
    fitted = np.zeros(code.size)
    fitted[entries] = weights
    missed = np.linalg.norm(problem.response - problem.columns @ fitted)
    return fitted if missed <= problem.allowed else code


def consistency(problem: SparseProblem) -> Condition:
    """Whether the response lies in the span of the columns of JD."""
    size = float(np.linalg.norm(problem.response))
    nearest = problem.unit @ np.linalg.lstsq(problem.unit, problem.response)[0]
    missed = float(np.linalg.norm(problem.response - nearest))
    everything = np.linalg.matrix_rank(problem.unit, tol=DEPENDENT) == len(problem.unit)
    return Condition(
        "consistent response",
        "the response lies in col(JD), relative to its norm",
        missed <= problem.allowed,
        statistic=missed / size if size > 0 else 0.0,
        threshold=problem.allowed / size if size > 0 else 0.0,
        reason="rank JD = M: nothing is tested here" if everything else "stated noise and rounding",
        decided_by="least squares",
    )


def after(problem: SparseProblem, code: np.ndarray, complaint: str) -> list[Condition]:
    """What can be said of the code only once it is found."""
    count = int(support(code).sum())
    missed = float(np.linalg.norm(problem.response - problem.columns @ code))
    # Rounding of a code that is not refitted: the solver meets equations to 1e-7 and no better.
    rounding = 1e-6 * float(np.linalg.norm(problem.response))
    allowed = problem.allowed if count <= problem.sparsity else max(problem.allowed, rounding)
    explains = missed <= allowed
    return [
        Condition(
            "k-sparse code found",
            f"the code found has at most k = {problem.sparsity} entries, it has {count}",
            count <= problem.sparsity,
            statistic=float(count),
            threshold=float(problem.sparsity),
            reason="a code of more entries is not the one assumed",
            decided_by="after estimating",
        ),
        Condition(
            "code explains the response",
            "the code found gives the response, to noise and rounding",
            explains,
            statistic=missed,
            threshold=allowed,
            reason="norm of the response",
            decided_by="after estimating",
        ),
        Condition(
            "converged",
            f"the solver said: {complaint}" if complaint else "the solver had nothing to say",
            # Greedy steps end early for good reason when the response is used up.
            not complaint or (explains and count <= problem.sparsity),
            decided_by="after estimating",
        ),
    ]


def report(
    problem: SparseProblem,
    spectrum: Spectrum,
    code: np.ndarray,
    before: Sequence[Condition],
    prediction: Prediction,
    seen_after: Sequence[Condition],
    *,
    affine: bool,
) -> Report:
    """The verdict on v among the vectors of k atoms.

    Parameters
    ----------
    problem, spectrum
        What was solved, and the spectrum of the Jacobian (M, d).
    code
        (K,) the code found, in the scale of the columns.
    before, prediction
        What was checked before estimating, and what it said; a result that contradicts a prediction
        of recovery leaves the verdict ``undetermined``.
    seen_after
        From ``after``.
    affine
        Whether the continuation is known to be affine; else verdicts are local.
    """
    conditions = (*before, *seen_after)
    named = {c.name: c.holds for c in conditions}
    good = bool(named["k-sparse code found"] and named["code explains the response"])
    code = code / problem.scale
    found, decided = problem.explanations, named["consistent response"] is True
    rivals, dimension = np.zeros((0, code.size)), None
    one, several = Verdict.LOCALLY_IDENTIFIABLE, Verdict.FIRST_ORDER_ONLY
    if affine:
        one, several = Verdict.GLOBALLY_IDENTIFIABLE, Verdict.EPSILON_NON_IDENTIFIABLE
    verdict, says = Verdict.UNDETERMINED, "whether only one explains the response was not decided"
    sure = problem.error == 0 or (prediction.recovers is True and problem.separation > 0)
    if not decided:
        says = "the response is not that of any vector"
    elif prediction.recovers and not good:
        says = "the code found was predicted to explain the response, and does not"
    elif found is None:
        if good and sure and named["ker J meets D Sigma_2k only in 0"]:
            verdict, says, dimension = one, "only the one found explains the response", 0
    elif len(found) == 0:
        says = "no such vector explains the response"
    elif len(found) == 1 and not sure:
        says = "one support explains the response, and the stated noise may hide another code"
    elif problem.same_vector(found):
        verdict, says, dimension = one, "only one such vector explains the response", 0
        says += "" if good else ", and it is not the one found: see explanations_"
    else:
        verdict, says = several, "several explain the response: see explanations_"
        rivals, dimension = found, max(_lost(problem, z) for z in found)
    kernel = spectrum.width - spectrum.rank()
    return Report(
        verdict=verdict,
        certificate=Certificate(
            CertificateKind.NUMERIC,
            f"among vectors of at most {problem.sparsity} of the {code.size} atoms {says}; without "
            f"that assumption the class has dimension {kernel}",
            problem.allowed,
        ),
        class_dimension=dimension,
        identified_functionals=np.eye(spectrum.width) if verdict is one else spectrum.row_space.T,
        tolerance=problem.allowed,
        unit="norm of the change of the outputs",
        gap=spectrum.gap,
        regime=SINGLE_LAYER,
        observable="affine outputs" if affine else "outputs, to first order at this state",
        witness=_witness(problem, code if good else rivals[0], rivals) if len(rivals) else None,
        conditions=conditions,
    )


def _lost(problem: SparseProblem, code: np.ndarray) -> int:
    """Dimension of the vectors on the support of an explanation that J does not see."""
    on = support(code)
    atoms = unit_columns(problem.dictionary)[0]
    ranks = [np.linalg.matrix_rank(m[:, on], tol=DEPENDENT) for m in (atoms, problem.unit)]
    return int(ranks[0] - ranks[1])


def _witness(problem: SparseProblem, code: np.ndarray, rivals: np.ndarray) -> Witness:
    """The explanation farthest from ``code``."""
    vector, others = problem.dictionary @ code, rivals @ problem.dictionary.T
    apart = np.linalg.norm(others - vector, axis=1)
    farthest = int(np.argmax(apart))
    other = others[farthest]
    sizes = np.linalg.norm(vector) * np.linalg.norm(other)
    return Witness(
        vector=other,
        cosine=float(vector @ other / sizes) if sizes > 0 else 0.0,
        distance=float(apart[farthest]),
        output_difference=float(np.linalg.norm(problem.seen @ (rivals[farthest] - code))),
        unit="norm of the change of the outputs",
    )
