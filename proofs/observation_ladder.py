r"""N10 — what is identified depends on what is observed: coarser observables, larger classes.

For logits F_x, steering strength alpha != 0 and any channel T that turns tokens into reports,
[v]_F is contained in [v]_{T o F}, and the metrics satisfy G_T <= G. For N affine prompts with m
logits each, linearly independent, the class of v in R^d has dimension d - r with

    r = Nm from logits, N(m-1) from probabilities, Nk from k < m log-probabilities a prompt,
    N(k-1) from sampling among the top k, N from a log-odds a prompt, 1 from its mean,

and 0 from greedy tokens: with margin gamma and F L-Lipschitz their class contains the open ball of
radius gamma/(sqrt(2) L |alpha|) about v. For almost all prompts r is the lesser of that and d: from
probabilities the class closes at N = d/(m-1), rounded up, and from a mean score never (d > 1).
Sampled completions have G_seq = sum_t E G_t, so longer ones never enlarge the first-order class. A
temperature 0 < tau < oo keeps the kernel and the class, but does not merely scale G: the metric is
then J^T (diag p_tau - p_tau p_tau^T) J/tau^2.

.. math::
    [v]_F \subseteq [v]_{T \circ F}, \quad G_T \preceq G, \quad
    B\Bigl(v, \frac{\gamma}{\sqrt2\,L|\alpha|}\Bigr) \subseteq [v]_{\mathrm{greedy}}, \quad
    G_{\mathrm{seq}} = \sum_t E\,G_t

The symbolic part covers all probabilities, channels and slopes at three outcomes and two reports
(for more, the same sum of squares is the variance of the score given the report), Lipschitz maps of
every size, and k = 3 log-probabilities (for every k, det(I - 1p^T) = 1 - sum p). A rung's rows are
M_x J_x with M_x of full row rank k by these minors, so for generic J_x they are a generic k x d
matrix, and N3 gives min(d, Nk) at every size; the ranks at d = 6, m = 4, N <= 6 are checked over Q.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

import identifiability
from proofs.shared.categorical import measured_metric, softmax
from proofs.shared.rungs import Observed, Report, log_probability_rows, rung_ranks, rungs
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)

STEP = 2e-4  # a logit has slope 8 at most: twice this step moves it by 3e-3


# --- assumptions --------------------------------------------------------------------------------


def _shifts(instance: Observed) -> np.ndarray:
    return 0.3 * np.eye(instance.width)


def _reads_tokens_only(instance: Observed) -> bool:
    return all(
        np.array_equal(instance.channel(delta), instance.channel(0 * delta))
        for delta in _shifts(instance)
    )


def _is_stochastic(instance: Observed) -> bool:
    kernels = [instance.channel(delta) for delta in _shifts(instance)]
    return all(bool(np.all(K >= 0) and np.allclose(K.sum(axis=0), 1)) for K in kernels)


def _is_sampled(instance: Observed) -> bool:
    here = np.zeros(instance.width)
    every = [instance.probabilities(x, here) for x in range(len(instance.jacobians))]
    return all(np.array_equal(instance.decode(p), p) for p in every)


ASSUMPTIONS = (
    Assumption(
        "channel of the tokens",
        "what is reported depends on the state through the tokens only",
        _reads_tokens_only,
    ),
    Assumption(
        "one report",
        "given a token, the report is drawn from a probability distribution",
        _is_stochastic,
    ),
    Assumption(
        "independent prompts",
        "the Nm logit rows are linearly independent (for the ranks)",
        lambda i: (
            int(identifiability.exact_rank(np.concatenate(list(i.jacobians))))
            == i.jacobians.shape[0] * i.jacobians.shape[1]
        ),
    ),
    Assumption(
        "Lipschitz constant",
        "||J_x||_2 <= L for every prompt (for the greedy ball)",
        lambda i: bool(np.linalg.norm(i.jacobians, 2, axis=(1, 2)).max() <= i.lipschitz),
    ),
    Assumption(
        "sampled completions",
        "tokens are drawn from the model's own probabilities (for completions)",
        _is_sampled,
    ),
    Assumption(
        "temperature",
        "0 < tau < infinity (for the temperature)",
        lambda i: 0 < i.temperature < np.inf,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    # Data processing. q_i = P(token i, this report), s_i the score d log p_i; summed over reports
    # the first term is that of G, as P(report | token) sums to 1, and the second that of G_T.
    p, q, s = (sp.symbols(f"{name}1:4", positive=True) for name in "pqs")
    score = sum(a * b for a, b in zip(q, s, strict=True)) / sum(q)
    fine = sum(a * b**2 for a, b in zip(q, s, strict=True))
    spread = sum(a * (b - score) ** 2 for a, b in zip(q, s, strict=True))
    yield Identity("G - G_T = E Var(score | report) >= 0", fine - sum(q) * score**2, spread)

    # Metrics of independent tokens and of a completion: a and b are slopes of probabilities.
    a, b = sp.Symbol("a1"), sp.symbols("b1:3")
    first, following = [p[0], 1 - p[0]], [[x, 1 - x] for x in q[:2]]
    slopes, after = [a, -a], [[y, -y] for y in b]
    chances = [(i, j, first[i] * following[i][j]) for i in range(2) for j in range(2)]
    change = [slopes[i] * following[i][j] + first[i] * after[i][j] for i, j, _ in chances]
    sequence = sp.Add(*(c**2 / q for c, (_, _, q) in zip(change, chances, strict=True)))
    tokens = a**2 / first[0] + a**2 / first[1]
    then = sum(w * sum(y**2 / r for r in f) for w, y, f in zip(first, b, following, strict=True))
    yield Identity("G of a completion = G_1 + E G_2", sequence, tokens + then)
    twice = sequence.subs({q[0]: p[0], q[1]: p[0], b[0]: a, b[1]: a})
    yield Identity("two independent tokens: 2 G", twice, 2 * tokens)

    # The kernel of diag p - p p^T is span(1) for every positive p, whatever the temperature.
    x = sp.symbols("x1:4")
    mean, square = (sum(w * y**n for w, y in zip(p, x, strict=True)) for n in (1, 2))
    pairs = sum(p[i] * p[j] * (x[i] - x[j]) ** 2 for i, j in ((0, 1), (0, 2), (1, 2)))
    yield Identity(
        "x^T(diag p - pp^T)x = sum of p_i p_j (x_i - x_j)^2", sum(p) * square - mean**2, pairs
    )
    tau = sp.Symbol("tau", positive=True)
    z = sp.symbols("z1:4", real=True)
    heat = [sp.exp(y / tau) for y in z]
    drawn = sp.Matrix([w / sum(heat) for w in heat])
    slope = (sp.diag(*drawn) - drawn * drawn.T) / tau
    yield Identity("slope of softmax(z/tau): (diag p - p p^T)/tau", drawn.jacobian(z), slope)

    # Ranks: the k x k block of I - 1p^T over the observed log-probabilities.
    block = sp.eye(3) - sp.ones(3, 1) * sp.Matrix([p])
    yield Identity("k log-probabilities: minor 1 - (p_1 + ... + p_k)", block.det(), 1 - sum(p))
    among_top = block.subs(p[2], 1 - p[0] - p[1])
    yield Identity("renormalised over the k it is 0", among_top.det(), 0)
    yield Identity("with a minor p_k of size k - 1", among_top[:2, :2].det(), 1 - p[0] - p[1])

    claimed = [rung_ranks(N, 4) for N in range(1, 7)]
    capped = [{name: min(6, rank) for name, rank in ranks.items()} for ranks in claimed]
    found = [_exact_ranks(_generic(prompts=N, tokens=4, width=6)) for N in range(1, 7)]
    yield Identity("d = 6, m = 4, N = 1..6: ranks min(d, .) at one instance", found, capped)

    # Greedy ball: a logit change y, of which a margin sees one difference.
    y = sp.symbols("y1:5")
    slack = 2 * sum(c**2 for c in y) - (y[0] - y[1]) ** 2
    squares = (y[0] + y[1]) ** 2 + 2 * sum(c**2 for c in y[2:])
    yield Identity("(y_i - y_j)^2 <= 2 ||y||^2", slack, squares)
    margin, lipschitz, strength = sp.symbols("gamma L alpha", positive=True)
    step = margin / (sp.sqrt(2) * lipschitz * strength)
    tied = margin + strength * lipschitz * step * (-1 / sp.sqrt(2) - 1 / sp.sqrt(2))
    yield Identity("F = L h, along (-1, 1)/sqrt(2): a tie at that radius", tied, 0)

    # Neither of two observables need contain the other; steering all positions sums Jacobians.
    c, d = sp.symbols("c d", nonzero=True)
    last, all_positions = sp.Matrix([[c, 0]]), sp.Matrix([[c, d]])
    hidden_last, hidden_all = sp.Matrix([0, 1]), sp.Matrix([d, -c])
    yield Identity("last-token steering hides (0, 1)", (last * hidden_last)[0], 0)
    yield Identity("which steering all positions shows", (all_positions * hidden_last)[0], d)
    yield Identity("that hides (d, -c)", (all_positions * hidden_all)[0], 0)
    yield Identity("which last-token steering shows", (last * hidden_all)[0], c * d)
    yield Identity("together they hide nothing", last.col_join(all_positions).det(), c * d)


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> Observed:
    """Three or four tokens, integer Jacobians of full row rank, a random channel."""
    tokens = int(rng.integers(3, 5))
    prompts = tokens + 1
    return _model(rng, prompts, tokens, prompts * tokens + int(rng.integers(1, 4)))


def _generic(prompts: int, tokens: int, width: int) -> Observed:
    return _model(np.random.default_rng(0), prompts, tokens, width)


def _model(rng: np.random.Generator, prompts: int, tokens: int, width: int) -> Observed:
    jacobians = rng.integers(-4, 5, (prompts, tokens, width))
    weights = np.array([rng.permutation(12)[:tokens] + 1 for _ in range(prompts)])
    kernel = rng.dirichlet(np.ones(int(rng.integers(2, 4))), size=tokens).T
    return Observed(
        jacobians=jacobians,
        weights=weights,
        strength=int(rng.choice([-2, -1, 1, 2])),
        channel=lambda delta: kernel,
        lipschitz=float(np.linalg.norm(jacobians, 2, axis=(1, 2)).max()) * (1 + 1e-12),
        decode=lambda probabilities: probabilities,
        temperature=float(rng.uniform(0.5, 3.0)),
    )


def _exact_ranks(instance: Observed) -> dict[str, int]:
    return {name: int(identifiability.exact_rank(rows)) for name, rows in rungs(instance).items()}


def _rank_error(instance: Observed, claimed: dict[str, int]) -> float:
    """Claimed ranks and the SVD's class dimensions against ranks over Q."""
    exact, anywhere = _exact_ranks(instance), np.ones(instance.width)
    errors = [abs(claimed[name] - rank) for name, rank in exact.items()]
    for name, rows in rungs(instance).items():
        seen = identifiability.EquivalenceClass(rows.astype(float), anywhere, affine=True)
        errors.append(abs(seen.dimension - (instance.width - exact[name])))
    return float(max(errors))


def _claimed_ranks(instance: Observed) -> dict[str, int]:
    prompts, tokens, _ = instance.jacobians.shape
    return rung_ranks(prompts, tokens)


def _visible_change(instance: Observed, hidden_from: str, report: Report) -> float:
    """Largest change of a report on moving v by 10 along what a rung's Jacobian does not see."""
    rows = rungs(instance)[hidden_from].astype(float)
    seen = identifiability.EquivalenceClass(rows, np.ones(instance.width), affine=True)
    here = np.zeros(instance.width)
    return max(
        float(np.abs(report(x, 10 * n) - report(x, here)).max())
        for x in range(len(instance.jacobians))
        for n in seen.basis.T
    )


def _metric_excess(instance: Observed) -> float:
    """Largest eigenvalue of G_T - G relative to G's, with G_T from observed reports."""
    here = np.zeros(instance.width)
    coarse = measured_metric(lambda delta: instance.report(0, delta), here, STEP)
    fine = instance.metric(0)
    return max(0.0, float(np.linalg.eigvalsh(coarse - fine)[-1] / np.linalg.eigvalsh(fine)[-1]))


def _ball_excess(instance: Observed, constant: float) -> float:
    """Radius gamma/(``constant`` L |alpha|) over the distance to the nearest tie, less 1."""
    worst = 0.0
    for J, w in zip(instance.jacobians, instance.weights, strict=True):
        first = int(np.argmax(w))
        others = [i for i in range(len(w)) if i != first]
        margins = np.log(w[first] / w[others])
        normals = instance.strength * (J[first] - J[others])
        tie = float(np.min(margins / np.linalg.norm(normals, axis=1)))
        radius = margins.min() / (constant * instance.lipschitz * abs(instance.strength))
        worst = max(worst, radius / tie - 1)
    return worst


def _completion_error(instance: Observed, first_weights: np.ndarray) -> float:
    """G_1 + sum_y w_y G_2(y) against the metric of the observed completions."""
    found = measured_metric(instance.completions, np.zeros(instance.width), STEP)
    after = [instance.metric(1 + y) for y in range(len(first_weights))]
    claimed = instance.metric(0) + np.tensordot(first_weights, after, axes=1)
    return float(np.linalg.norm(found - claimed) / np.linalg.norm(claimed))


def _first_token(instance: Observed) -> np.ndarray:
    return instance.probabilities(0, np.zeros(instance.width))


def _temperature_error(instance: Observed, claimed: np.ndarray) -> float:
    found = measured_metric(
        lambda delta: softmax(instance.logits(0, delta) / instance.temperature),
        np.zeros(instance.width),
        STEP,
    )
    return float(np.linalg.norm(found - claimed) / np.linalg.norm(instance.metric(0)))


def _temperature_kernel_error(instance: Observed) -> float:
    """Rank of the metric at the temperature against the rank over Q at temperature 1."""
    rows = log_probability_rows(instance, 0, len(instance.weights[0]), len(instance.weights[0]))
    spectrum = identifiability.Spectrum.of(instance.metric(0, instance.temperature))
    return abs(spectrum.rank() - int(identifiability.exact_rank(rows)))


DIFFERENCES = "central differences of fourth order, (3e-3)^4, and rounding 1e-16/STEP"

CONCLUSIONS = (
    Conclusion(
        "classes",
        "members of [v]_F at distance 10 have the reports of v",
        lambda i: _visible_change(i, "probabilities", i.report),
        tolerance=1e-11,
        because="rounding of logits of order 100",
    ),
    Conclusion(
        "metrics",
        "G - G_T has no negative eigenvalue",
        _metric_excess,
        tolerance=1e-7,
        because=DIFFERENCES,
    ),
    Conclusion(
        "ranks",
        "the rungs' Jacobians have the stated ranks",
        lambda i: _rank_error(i, _claimed_ranks(i)),
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "greedy ball",
        "gamma/(sqrt(2) L |alpha|) does not exceed the distance to the nearest tie",
        lambda i: _ball_excess(i, np.sqrt(2)),
        tolerance=1e-12,
        because="rounding of two norms",
        broken_above=0.1,
    ),
    Conclusion(
        "completions",
        "the metric of sampled completions is G_1 + E G_2",
        lambda i: _completion_error(i, _first_token(i)),
        tolerance=1e-7,
        because=DIFFERENCES,
    ),
    Conclusion(
        "temperature",
        "the metric at tau is J^T (diag p_tau - p_tau p_tau^T) J/tau^2",
        lambda i: _temperature_error(i, i.metric(0, i.temperature)),
        tolerance=1e-7,
        because=DIFFERENCES,
    ),
    Conclusion(
        "temperature keeps the kernel",
        "the metric has the same rank at every temperature",
        _temperature_kernel_error,
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _reads_state(rng: np.random.Generator) -> Observed:
    instance = sample(rng)
    read = rng.standard_normal(instance.width)

    def channel(delta: np.ndarray) -> np.ndarray:
        yes = np.full(instance.weights.shape[1], (1 + np.tanh(read @ delta)) / 2)
        return np.stack([yes, 1 - yes])

    return replace(instance, channel=channel)


def _counts_twice(rng: np.random.Generator) -> Observed:
    instance = sample(rng)
    tokens = np.eye(instance.weights.shape[1])
    return replace(instance, channel=lambda delta: np.vstack([tokens, tokens]))


def _repeats_a_prompt(rng: np.random.Generator) -> Observed:
    instance = sample(rng)
    return replace(instance, jacobians=instance.jacobians[[0, 0, *range(2, len(instance.weights))]])


def _understated_slope(rng: np.random.Generator) -> Observed:
    instance = sample(rng)
    return replace(instance, lipschitz=instance.lipschitz / 10)


def _greedy(rng: np.random.Generator) -> Observed:
    return replace(sample(rng), decode=lambda p: (p == p.max()).astype(float))


def _infinite_temperature(rng: np.random.Generator) -> Observed:
    return replace(sample(rng), temperature=np.inf)


COUNTEREXAMPLES = (
    Counterexample(
        "channel of the tokens",
        _reads_state,
        breaks="classes",
        story="a report that reads the state itself sees what no logit shows",
    ),
    Counterexample(
        "one report",
        _counts_twice,
        breaks="metrics",
        story="two tokens drawn and counted as one report: the metric is 2 G",
    ),
    Counterexample(
        "independent prompts",
        _repeats_a_prompt,
        breaks="ranks",
        story="a prompt given twice adds no equation",
    ),
    Counterexample(
        "Lipschitz constant",
        _understated_slope,
        breaks="greedy ball",
        story="L taken ten times too small: the greedy token changes inside the ball",
    ),
    Counterexample(
        "sampled completions",
        _greedy,
        breaks="completions",
        story="greedy completions do not vary, and carry no first-order information at all",
    ),
    Counterexample(
        "temperature",
        _infinite_temperature,
        breaks="temperature keeps the kernel",
        story="tau = infinity: every token is equally likely whatever the state, the metric is 0",
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _orthonormal_rows(rng: np.random.Generator) -> Observed:
    instance = sample(rng)
    rows = instance.jacobians.shape[0] * instance.jacobians.shape[1]
    jacobians = np.eye(instance.width, dtype=int)[:rows].reshape(instance.jacobians.shape)
    return replace(instance, jacobians=jacobians, lipschitz=1.0)


FALSE_VARIANTS = (
    FalseVariant(
        "[v]_{T o F} is contained in [v]_F: what leaves a log-odds alone leaves the tokens alone",
        instead_of="classes",
        discrepancy=lambda i: _visible_change(i, "log-odds", i.probabilities),
    ),
    FalseVariant(
        "top-k sampling gives k equations a prompt, as k log-probabilities do",
        instead_of="ranks",
        discrepancy=lambda i: _rank_error(
            i, _claimed_ranks(i) | {"top-2 sampling": 2 * len(i.weights)}
        ),
    ),
    FalseVariant(
        "the mean of a score over N prompts gives N equations",
        instead_of="ranks",
        discrepancy=lambda i: _rank_error(i, _claimed_ranks(i) | {"mean log-odds": len(i.weights)}),
    ),
    FalseVariant(
        "the greedy ball has radius gamma/(L |alpha|) (orthonormal logit rows)",
        instead_of="greedy ball",
        discrepancy=lambda i: _ball_excess(i, 1.0),
        sample=_orthonormal_rows,
    ),
    FalseVariant(
        "G of a completion is the sum of the metrics along the greedy one",
        instead_of="completions",
        discrepancy=lambda i: _completion_error(
            i, (_first_token(i) == _first_token(i).max()).astype(float)
        ),
    ),
    FalseVariant(
        "temperature only scales the metric, G/tau^2",
        instead_of="temperature",
        discrepancy=lambda i: _temperature_error(i, i.metric(0) / i.temperature**2),
    ),
)


THEOREM = Theorem(
    id="N10",
    name="observation_ladder",
    title="The observation ladder",
    statement=(
        "For every channel T of the tokens, [v]_F is contained in [v]_{T o F} and G_T <= G. For N "
        "affine prompts whose Nm logit rows are jointly independent the class has codimension Nm "
        "from logits, N(m-1) from probabilities, Nk from k < m log-probabilities, N(k-1) from "
        "sampling among the top k, N from a log-odds, 1 from its mean; and 0 from greedy tokens, "
        "whose class contains the ball of radius gamma/(sqrt(2) L |alpha|). Sampled completions "
        "have G_seq = sum_t E G_t. A temperature in (0, oo) keeps class and kernel."
    ),
    latex=(
        r"[v]_F \subseteq [v]_{T \circ F}, \quad G_T \preceq G, \quad "
        r"B\left(v, \tfrac{\gamma}{\sqrt2 L |\alpha|}\right) \subseteq [v]_{\mathrm{greedy}}, "
        r"\quad G_{\mathrm{seq}} = \sum_t E\,G_t, \quad "
        r"G_\tau = \tau^{-2} J^\top (\operatorname{diag} p_\tau - p_\tau p_\tau^\top) J"
    ),
    regime="black box and white box, single layer",
    observable="any function or report of the output, compared with all of it",
    estimand="the dimension of the class of v, rung by rung",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "all probabilities, slopes and channels at three tokens and two reports; completions of "
        "two tokens over two; k = 3 log-probabilities; Lipschitz maps with four logits. Sums "
        "over more outcomes have the same form (variance given the report; chain rule)",
        _identities,
    ),
    sample=sample,
    oracle="ranks over Q; metrics of observed reports and completions; distances to ties",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Zamir 1998, IEEE Trans. Inf. Theory 44(3), 1246-1250",
        "arXiv:2602.06801",
        "theory.md N10",
    ),
    scope=(
        "The paper's 'non-identifiable' is true low on this ladder (a mean score, greedy text) and "
        "false at its top, where a few prompts close the class. Rounded outputs (bf16) leave "
        "a ball in almost every class, as greedy tokens do: there only its size matters."
    ),
    depends_on=("N1", "N3", "N7"),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
