"""Operators, spectra, classes and exact ranks."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.linalg import aslinearoperator

from identifiability import (
    EquivalenceClass,
    FisherOperator,
    JacobianOperator,
    Spectrum,
    Verdict,
    average,
    exact_rank,
    generic_rank,
    stack,
)
from tests.bad_input.case import Answered, Refused

EYE = np.eye(2)
HALF = np.array([[1.0, 0.0]])  # sees the first of two coordinates
STATE = torch.zeros(2, dtype=torch.float64)
RNG = np.random.default_rng(0)
RAGGED = [[1.0], [1.0, 2.0]]


def jacobian(function=torch.sin, state=STATE, **options):
    return JacobianOperator(function, state, **options)


REFUSED = (
    Refused("spectrum of a vector", lambda _: Spectrum.of([1.0, 2.0]), "stack prompts first"),
    Refused("spectrum of a tensor of 3 axes", lambda _: Spectrum.of(np.ones((2, 2, 2))), "(m, d)"),
    Refused("spectrum of nothing", lambda _: Spectrum.of(np.zeros((0, 2))), "it is empty"),
    Refused("spectrum of unequal rows", lambda _: Spectrum.of(RAGGED), "rows of equal length"),
    Refused("spectrum with NaN", lambda _: Spectrum.of([[np.nan, 1.0]]), "got 1 NaN or infinite"),
    Refused("spectrum with inf", lambda _: Spectrum.of([[np.inf, 1.0]]), "remove them"),
    Refused("spectrum of strings", lambda _: Spectrum.of([["1"]]), "pass an array of numbers"),
    Refused("spectrum of complex numbers", lambda _: Spectrum.of([[1j]]), "real and imaginary"),
    Refused("spectrum of dates", lambda _: Spectrum.of(np.zeros((1, 1), "M8[s]")), "of numbers"),
    Refused("spectrum of None", lambda _: Spectrum.of(None), "pass an array of numbers"),
    Refused("spectrum of a sparse matrix", lambda _: Spectrum.of(csr_array(EYE)), "toarray()"),
    Refused(
        "spectrum of a masked array",
        lambda _: Spectrum.of(np.ma.masked_array(EYE, mask=EYE)),
        "drop the masked rows",
    ),
    Refused("spectrum at 1e305", lambda _: Spectrum.of(1e305 * EYE), "choose another unit"),
    Refused(
        "a wider float beyond float64",
        lambda _: Spectrum.of(np.array([["1e4000"]], np.longdouble)),
        "must be finite",
    ),
    Refused(
        "eigenvalues of a Jacobian at 1e300",
        lambda _: Spectrum.of(1e300 * HALF).eigenvalues,
        "choose another unit",
    ),
    Refused(
        "noise floor of a Jacobian at 1e-300",
        lambda _: Spectrum.of(1e-300 * HALF).noise_floor,
        "choose another unit",
    ),
    Refused("negative error", lambda _: Spectrum.of(EYE, error=-1.0), "pass 0 if it is unknown"),
    Refused("error NaN", lambda _: Spectrum.of(EYE, error=np.nan), "a finite norm >= 0"),
    Refused("error inf", lambda _: Spectrum.of(EYE, error=np.inf), "a finite norm >= 0"),
    Refused("error as text", lambda _: Spectrum.of(EYE, error="0"), "a finite norm >= 0"),
    Refused("indefinite metric", lambda _: Spectrum.of(np.diag([1.0, -1.0])), "metric=False"),
    Refused(
        "epsilon of 0",
        lambda _: Spectrum.of(EYE).epsilon_null_dimension(0.0, 1.0),
        "epsilon must lie in [1e-140, 1e+140]",
    ),
    Refused(
        "radius inf",
        lambda _: Spectrum.of(EYE).epsilon_null_dimension(1.0, np.inf),
        "radius must lie in [1e-140, 1e+140]",
    ),
    Refused(
        "radius 1e300",
        lambda _: Spectrum.of(EYE).epsilon_null_dimension(1.0, 1e300),
        "choose another",
    ),
    Refused(
        "epsilon as text",
        lambda _: EquivalenceClass(EYE, [1, 1], epsilon="0.1", radius=1.0),
        "epsilon must be a number",
    ),
    Refused(
        "epsilon without radius",
        lambda _: EquivalenceClass(EYE, [1, 1], epsilon=0.1),
        "pass both or none",
    ),
    Refused("vector of another width", lambda _: EquivalenceClass(EYE, [1.0]), "width 2, got 1"),
    Refused("vector of 2 axes", lambda _: EquivalenceClass(EYE, EYE), "pick one row"),
    Refused("empty vector", lambda _: EquivalenceClass(EYE, []), "must be (d,)"),
    Refused("vector with NaN", lambda _: EquivalenceClass(EYE, [1, np.nan]), "must be finite"),
    Refused("vector at 1e300", lambda _: EquivalenceClass(EYE, [1e300, 0]), "another unit"),
    Refused("vector at 1e-300", lambda _: EquivalenceClass(EYE, [1e-300, 0]), "another unit"),
    Refused("class at 1e300", lambda _: EquivalenceClass(1e300 * HALF, [1, 1]), "another unit"),
    Refused(
        "witness of a zero vector",
        lambda _: EquivalenceClass(HALF, [0.0, 0.0]).witness(),
        "pass a non-zero steering vector",
    ),
    Refused(
        "witness in a class of one",
        lambda _: EquivalenceClass(EYE, [1.0, 1.0]).witness(),
        "there is no other member",
    ),
    Refused(
        "witness at cosine 2",
        lambda _: EquivalenceClass(HALF, [1.0, 1.0]).witness(2.0),
        "cosine must lie in [-1, 1]",
    ),
    Refused(
        "witness at cosine NaN",
        lambda _: EquivalenceClass(HALF, [1.0, 1.0]).witness(np.nan),
        "cosine must lie in [-1, 1]",
    ),
    Refused(
        "membership of another width",
        lambda _: EquivalenceClass(HALF, [1.0, 1.0]).contains([1.0]),
        "width 2, got 1",
    ),
    Refused(
        "distance to 1e300",
        lambda _: EquivalenceClass(HALF, [1.0, 1.0]).distance([1e300, 0.0]),
        "another unit",
    ),
    Refused("state as a list", lambda _: jacobian(state=[0.0]), "state must be a floating torch"),
    Refused("state of integers", lambda _: jacobian(state=torch.zeros(2).long()), "convert it"),
    Refused("state of 2 axes", lambda _: jacobian(state=STATE[None]), "pick one row"),
    Refused("state with NaN", lambda _: jacobian(state=STATE + torch.nan), "check the prompt"),
    Refused("a map to a matrix", lambda _: jacobian(lambda h: torch.outer(h, h)), "flatten it"),
    Refused("a map to no tensor", lambda _: jacobian(lambda h: [1.0]), "got list; convert it"),
    Refused("a map to integers", lambda _: jacobian(lambda h: h.long()), "torch.int64"),
    Refused("strength NaN", lambda _: jacobian(strength=np.nan), "must lie in (-inf, inf)"),
    Refused("chunks of 0", lambda _: jacobian(chunk_size=0), "chunk_size must be an integer"),
    Refused("no operators", lambda _: stack([]), "pass one for each prompt"),
    Refused("no list of operators", lambda _: stack(5), "expected a list of operators"),
    Refused("a stack of arrays", lambda _: stack([EYE]), "aslinearoperator"),
    Refused(
        "a stack of two widths",
        lambda _: stack([aslinearoperator(EYE), aslinearoperator(np.eye(3))]),
        "at the same layer",
    ),
    Refused("an average of Jacobians", lambda _: average([jacobian()]), "wrap Jacobians in"),
    Refused(
        "precision of another width",
        lambda _: FisherOperator(jacobian(), precision=np.eye(3)),
        "invert the covariance",
    ),
    Refused(
        "precision with inf",
        lambda _: FisherOperator(jacobian(), precision=np.diag([1.0, np.inf])),
        "precision must be finite",
    ),
    Refused(
        "precision that is not symmetric",
        lambda _: FisherOperator(jacobian(), precision=[[1.0, 1.0], [0.0, 1.0]]),
        "inverse covariance",
    ),
    Refused("exact rank of a vector", lambda _: exact_rank([1, 2]), "a list of rows"),
    Refused("exact rank of nothing", lambda _: exact_rank([]), "at least one entry"),
    Refused("exact rank of a number", lambda _: exact_rank(5), "a list of rows"),
    Refused("exact rank with NaN", lambda _: exact_rank([[float("nan")]]), "finite floats"),
    Refused("exact rank with inf", lambda _: exact_rank([[float("inf")]]), "finite floats"),
    Refused("exact rank of 1/0", lambda _: exact_rank([["1/0"]]), "integers, fractions"),
    Refused("exact rank of complex", lambda _: exact_rank([[1j]]), "integers, fractions"),
    Refused("exact rank of unequal rows", lambda _: exact_rank([[1], [1, 2]]), "different lengths"),
    Refused("unknown method of rank", lambda _: exact_rank([[1]], method="qr"), "'rational' or"),
    Refused("a modular rank without rng", lambda _: exact_rank([[1]], method="modular"), "rng="),
    Refused(
        "generic rank of nothing",
        lambda _: generic_rank(lambda draw, p: [], degree=1, rng=RNG),
        "the rows of a matrix",
    ),
    Refused(
        "generic rank in 0 trials",
        lambda _: generic_rank(lambda draw, p: [[1]], degree=1, rng=RNG, trials=0),
        "trials must be an integer",
    ),
)

ANSWERED = (
    Answered("d = 1", lambda _: Spectrum.of([[3.0]]), lambda s: (s.rank(), s.gap) == (1, 3.0)),
    Answered(
        "a class at d = 1",
        lambda _: EquivalenceClass([[0.0]], [2.0], affine=True).report,
        lambda r: r.verdict is Verdict.NON_IDENTIFIABLE and r.class_dimension == 1,
    ),
    Answered(
        "a Jacobian at 1e-300 keeps rank and effective rank",
        lambda _: Spectrum.of(1e-300 * np.eye(3)[:2]),
        lambda s: s.rank() == 2 and abs(s.effective_rank - 2) < 1e-9,
    ),
    Answered(
        "a Jacobian at 1e300 keeps rank and effective rank",
        lambda _: Spectrum.of(1e300 * np.eye(3)[:2]),
        lambda s: s.rank() == 2 and abs(s.effective_rank - 2) < 1e-9,
    ),
    Answered(
        "a metric at 1e300 keeps its eigenvalues",
        lambda _: Spectrum.of(np.diag([1e300, 5e299, 0.0])).eigenvalues,
        lambda values: np.allclose(values / 1e300, [1.0, 0.5, 0.0]),
    ),
    Answered(
        "nothing is seen",
        lambda _: EquivalenceClass(np.zeros((3, 2)), [1.0, 2.0], affine=True),
        lambda c: c.dimension == 2 and abs(c.infimum_cosine + 1) < 1e-12,
    ),
    Answered(
        "the same prompt twice sees what it sees once",
        lambda _: Spectrum.of(stack([aslinearoperator(HALF)] * 2)).rank(),
        lambda rank: rank == 1,
    ),
    Answered(
        "constant outputs",
        lambda _: Spectrum.of(FisherOperator(jacobian(lambda h: 0 * h))),
        lambda s: s.rank() == 0 and s.effective_rank == 0,
    ),
    Answered(
        "one output",
        lambda _: Spectrum.of(FisherOperator(jacobian(lambda h: h.sum()[None]))).rank(),
        lambda rank: rank == 0,  # a softmax of one logit is always 1
    ),
    Answered("booleans", lambda _: Spectrum.of([[True, False]]).rank(), lambda rank: rank == 1),
    Answered(
        "floats too far apart for float64 products",
        lambda _: int(exact_rank([[1e300, 1e-300], [1e-300, 1e300]])),
        lambda rank: rank == 2,
    ),
)
