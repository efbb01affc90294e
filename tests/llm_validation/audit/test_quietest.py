"""The quietest step of a class without invisible directions, against full forward passes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

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
    forth, back = (
        _divergences(there[6:], at[6:], sign * np.linalg.norm(base) * vectors[:, 0])
        for sign in (1, -1)
    )
    assert forth.mean() != pytest.approx(back.mean(), rel=1e-2)
    # No eigenvector has a sign of its own, and which way comes first decides which draws it gets.
    either = [_quieter(forth, back), _quieter(back, forth)]
    assert any((seen.low, seen.estimate) == pytest.approx(one, rel=1e-4) for one in either)


def _divergences(there: list[Continuation], at: list[torch.Tensor], step: np.ndarray) -> np.ndarray:
    kl = []
    for one, state in zip(there, at, strict=True):
        p, q = (one(x).double().log_softmax(-1) for x in (state, state + state.new_tensor(step)))
        kl.append(float((p.exp() * (p - q)).sum()))
    return np.array(kl)


def _quieter(*ways: np.ndarray) -> tuple[float, float]:
    rng = np.random.default_rng(1)
    means = [
        cluster_bootstrap(lambda x: x.mean(axis=1), [kl], rng=rng, positive=True) for kl in ways
    ]
    return min((one.low, float(kl.mean())) for one, kl in zip(means, ways, strict=True))
