"""Estimation of a sparse code against the bare library call, in one run.

Ours brings columns to one length, drops repeated rows and refits on the support. Condition checks
and stability refits are apart.
"""

import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.linear_model import OrthogonalMatchingPursuit

from benchmarks.conftest import timed
from identifiability.recovery.sparse import SparseRecovery
from identifiability.recovery.sparse_report import estimate

ROWS, WIDTH, FEATURES, SPARSITY = 64, 128, 192, 6


@pytest.fixture(scope="module")
def system():
    rng = np.random.default_rng(0)
    jacobian = rng.standard_normal((ROWS, WIDTH))
    dictionary = rng.standard_normal((WIDTH, FEATURES))
    code = np.zeros(FEATURES)
    code[:SPARSITY] = rng.uniform(1, 2, SPARSITY)
    return jacobian, jacobian @ dictionary @ code, dictionary


def bare_l1(jacobian, response, dictionary):
    columns = jacobian @ dictionary
    both = np.hstack([columns, -columns])
    return linprog(np.ones(2 * FEATURES), A_eq=both, b_eq=response, bounds=(0, None)).x


def bare_omp(jacobian, response, dictionary):
    greedy = OrthogonalMatchingPursuit(n_nonzero_coefs=SPARSITY, fit_intercept=False)
    return greedy.fit(jacobian @ dictionary, response).coef_


def ours(method, jacobian, response, dictionary):
    recovery = SparseRecovery(sparsity=SPARSITY, method=method)
    return estimate(recovery.problem(jacobian, response, dictionary))[0]


@pytest.mark.benchmark(group="l1")
def test_l1_bare(benchmark, system):
    timed(benchmark, bare_l1, *system, rounds=20)


@pytest.mark.benchmark(group="l1")
def test_l1_ours(benchmark, system):
    timed(benchmark, ours, "l1", *system, rounds=20)


@pytest.mark.benchmark(group="omp")
def test_omp_bare(benchmark, system):
    timed(benchmark, bare_omp, *system, rounds=20)


@pytest.mark.benchmark(group="omp")
def test_omp_ours(benchmark, system):
    timed(benchmark, ours, "omp", *system, rounds=20)
