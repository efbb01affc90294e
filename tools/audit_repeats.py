"""How often audits say what they should: witnesses as predicted, class dimensions as printed.

``python -m tools.audit_repeats DIR`` runs, on the embedded model at its middle layer,

* ten audits of random traits, prompts and strengths: is the measured divergence of the witness
  inside the predicted interval? (at least nine of ten are expected to be);
* the class of one vector on many pairs of disjoint samples of prompts: is the dimension of one
  inside the interval printed with the other? (nineteen of twenty).

Cells are kept in DIR, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from identifiability.store import Store
from llm_validation import extract_vector, load_model, load_prompts, load_trait
from llm_validation.audit import audit
from llm_validation.audit.auditing import EPSILON
from llm_validation.audit.bench import Bench, Case
from llm_validation.audit.class_size import ClassSize, mean_of, null_dimension
from llm_validation.claims.ranges import share_interval
from llm_validation.extraction import encode
from llm_validation.scale import TRAITS, Scale

SEED = 200
AUDITS = 10
STRENGTHS = (0.25, 0.5, 1.0)
PAIRS, SAMPLE = 200, 16  # an audit of 32 prompts chooses on 16


def random_audits(folder: Path) -> int:
    """Print ten audits and return how many witnesses were as predicted."""
    model, hits = load_model(), 0
    layer = model.layers // 2
    for seed in range(SEED, SEED + AUDITS):
        rng = np.random.default_rng(seed)
        trait, alpha = rng.choice(TRAITS[Scale.FULL]), float(rng.choice(STRENGTHS))
        vector = extract_vector(model, load_trait(str(trait)).pairs, layer).vector
        found = audit(vector, model, layer, alpha=alpha, seed=seed, out=folder / str(seed))
        witness = found.witness
        hits += witness is None or witness.as_predicted
        said = "no class to have one"
        if witness is not None:
            low, high = witness.predicted_low, witness.predicted_high
            where = "inside" if witness.as_predicted else "OUTSIDE"
            said = f"[{low:.3g}, {high:.3g}] nats, {witness.measured.estimate:.3g}, {where}"
        size = found.class_size.dimension
        print(f"{seed}, {trait}, alpha {alpha:g}: class {size}, {said}", flush=True)
    return hits


def other_samples(folder: Path) -> int:
    """Return in how many pairs of disjoint samples one dimension is in the other's interval."""
    model = load_model()
    layer = model.layers // 2
    vector = extract_vector(model, load_trait("formality").pairs, layer).vector
    cases = [Case(encode(model, text), {"kind": "next-token"}) for text in load_prompts()]
    with Store(folder / "metrics") as store:
        metrics = Bench(model, layer, store).metrics(cases, vector)
    radius, hits = float(np.linalg.norm(vector)), 0
    rng = np.random.default_rng(SEED)
    for _ in range(PAIRS):
        order = rng.permutation(len(metrics))
        here, there = ([metrics[i] for i in part] for part in (order[:SAMPLE], order[-SAMPLE:]))
        size = ClassSize.of(here, EPSILON, radius, rng)
        hits += size.low <= null_dimension(mean_of(there), EPSILON, radius) <= size.high
    return hits


def main() -> None:
    """Run both and print the shares with their exact 95 % intervals."""
    parser = argparse.ArgumentParser(prog="python -m tools.audit_repeats", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    folder = parser.parse_args().folder
    with threadpool_limits(1):
        for name, hits, total in (
            ("witnesses as predicted", random_audits(folder), AUDITS),
            ("dimensions inside the other sample's interval", other_samples(folder), PAIRS),
        ):
            found = share_interval(hits, total)
            print(f"{name}: {hits} of {total} [{found.low:.2f}, {found.high:.2f}]")


if __name__ == "__main__":
    main()
