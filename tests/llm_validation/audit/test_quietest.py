"""The quietest step of a class without invisible directions, against full forward passes."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.statistics import cluster_bootstrap
from identifiability.store import Store
from llm_validation.audit.bench import Bench, Case
from llm_validation.audit.quietest import quietest_step
from llm_validation.audit.steered_class import SteeredClass
from llm_validation.continuation import Continuation
from llm_validation.extraction import encode
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import PROMPTS


def test_it_is_the_less_visible_way_along_the_least_eigenvector(llama, tmp_path):
    ids = [encode(llama, text) for text in PROMPTS[:12]]
    base = 0.4 * np.random.default_rng(0).standard_normal(WIDTH)
    there = [Continuation(llama, one, 1) for one in ids]
    at = [one.state + one.state.new_tensor(base) for one in there]
    metrics = [one.fisher(state) for one, state in zip(there[:6], at[:6], strict=True)]
    found = SteeredClass.of(metrics, base, 1e-9, 0.0)
    cases = [Case(one, {"kind": "next-token"}) for one in ids[6:]]
    with Store(tmp_path) as store:
        bench = Bench(llama, 1, store, 1)
        seen = quietest_step(bench, cases, found, np.random.default_rng(1))

    _, vectors = np.linalg.eigh(np.mean(metrics, axis=0))
    rng, ways = np.random.default_rng(1), []
    for sign in (1, -1):
        step = sign * np.linalg.norm(base) * vectors[:, 0]
        kl = []
        for one, state in zip(there[6:], at[6:], strict=True):
            p, q = (
                one(x).double().log_softmax(-1) for x in (state, state + state.new_tensor(step))
            )
            kl.append(float((p.exp() * (p - q)).sum()))
        means = cluster_bootstrap(lambda x: x.mean(axis=1), [np.array(kl)], rng=rng, positive=True)
        ways.append((means.low, float(np.mean(kl))))
    assert ways[0][1] != pytest.approx(ways[1][1], rel=1e-2)
    # Not the same bits, so that the eigenvector's sign may differ: either order of the two draws.
    assert (seen.low, seen.estimate) == pytest.approx(min(ways), rel=1e-3)
