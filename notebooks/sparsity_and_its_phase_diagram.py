# %% [markdown]
# # Sparsity identifies, and where it turns
#
# Seen through $M < d$ rows, $v$ is known up to $\ker J$. Suppose that it is made of few of $K$
# known atoms: $v = Dz$ with at most $k$ entries in $z$, and $y = JDz$.
#
# **Statement (R2).** The *spark* of $JD$ is the least number of dependent columns. *Every* code of
# $k$ entries is the only one that explains its $y$ if and only if $\mathrm{spark}(JD) > 2k$ (Donoho
# & Elad 2003). A generic $J$ has that from $M = 2k$ rows on, and *almost every* code is the only
# one from $M = k + 1$ on; without sparsity it takes $M = d$.
#
# Being the only one is a property of the problem. Being *found*, by least $\ell_1$ norm say, is a
# property of the method, and needs more.

# %%
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np

from identifiability import EquivalenceClass, Verdict, exact_rank
from identifiability.recovery import SparseRecovery
from toy_models import Superposition
from toy_models.diagrams.sparse_l1 import phase_transition

plt.style.use("identifiability.reporting.style")

# %% tags=["parameters"] reduced={"sparsities": [2, 6, 14], "trials": 8}
seed = 0
features = 40  # K, of the phase diagram
sparsities = (1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 21, 24)
trials = 40  # codes and maps for each k
cone_draws = 2000  # of the prediction

# %% [markdown]
# ## By hand: four rows for two entries of six
#
# Powers of six different numbers: any four columns are independent (Vandermonde). Exact ranks show
# it; so the spark is 5, more than $2k = 4$, and four rows identify every $v$ of two entries in
# $\mathbb R^6$, though $\ker J$ has dimension 2.

# %%
J = np.array([-3, -2, -1, 1, 2, 3]) ** np.arange(4)[:, None]  # (4, 6)
v = np.array([0.0, 2.0, 0.0, 0.0, -1.0, 0.0])
assert all(int(exact_rank(J[:, list(four)])) == 4 for four in combinations(range(6), 4))
fit = SparseRecovery(sparsity=2, affine=True).fit(J, J @ v)
assert fit.report_.condition("spark(JD) > 2k").statistic == 5
assert fit.report_.verdict is Verdict.GLOBALLY_IDENTIFIABLE
assert np.allclose(np.array(fit.explanations_), [v])  # one, and it is v
assert EquivalenceClass(J, v, affine=True).dimension == 2
print(fit.report_)

# %% [markdown]
# **What breaks.** Make the last column the first plus the second less the third. Four columns are
# dependent now, a kernel vector has $2k$ entries, and its two halves are two explanations of one
# response.

# %%
broken = J.copy()
broken[:, 5] = J[:, 0] + J[:, 1] - J[:, 2]
one, two = np.array([1, 1, 0, 0, 0, 0]), np.array([0, 0, 1, 0, 0, 1])
assert np.array_equal(broken @ one, broken @ two)  # in integers
fit = SparseRecovery(sparsity=2, affine=True).fit(broken, broken @ one)
found = np.array(fit.explanations_).round(6) + 0.0  # no negative zeros
print(fit.prediction_.failure_mode, found, sep="\n")
assert fit.report_.verdict is not Verdict.GLOBALLY_IDENTIFIABLE
assert {tuple(z) for z in found} == {tuple(one), tuple(two)}

# %% [markdown]
# ## Four fates of a code
#
# In superposition, with more atoms than dimensions ($K = 14$, $d = 10$, $M = 8$, $k = 2$). The
# conditions are checked, and the fate is named, before anything is estimated: a *dual certificate*
# proves that $\ell_1$ returns the code; a rival of two entries makes two explanations; a rival of
# three entries and half the $\ell_1$ norm is preferred to the only code of two; and a vector that
# is sparse in *another* basis, turned by the gauge of RMSNorm (N6d), has no sparse code here.

# %% alt="Planted and found codes: equal in the first panel, unequal in the other three."
fates = {
    "recovers": Superposition(code="face"),
    "two k-sparse explanations": Superposition(code="two_codes"),
    "l1 misses the only k-sparse code": Superposition(code="cheaper_rival"),
    "no k-sparse code explains the response": Superposition(rotated=True),
}
fig, places = plt.subplots(2, 2, figsize=(9.2, 5.4), sharex=True, sharey=True)
for ax, (fate, model) in zip(places.flat, fates.items(), strict=True):
    truth = model.sample(seed)
    fit = SparseRecovery(dictionary=truth.dictionary, sparsity=2, affine=True)
    fit.fit(truth.jacobian, truth.response)
    assert (fit.prediction_.failure_mode or "recovers") == fate
    right = np.allclose(fit.vector_, truth.vector, atol=1e-6)
    assert right == (fate == "recovers")
    assert np.allclose(
        truth.jacobian @ fit.vector_, truth.response, atol=1e-6
    )  # it always explains
    scale = np.linalg.norm(truth.jacobian @ truth.dictionary, axis=0)  # of columns of length 1
    ax.axhline(0, color="0.7", lw=0.8)
    for code, marker, name in ((truth.code, "o", "planted"), (fit.codes_, "x", "found by ℓ1")):
        atoms = np.flatnonzero(np.abs(code) > 1e-6)
        ax.plot(atoms, (code * scale)[atoms], marker, ms=7, mfc="none", mew=1.5, label=name)
    norms = [np.abs(code * scale).sum() for code in (truth.code, fit.codes_)]
    ax.set(
        title=f"{fate}\nℓ1 norm: planted {norms[0]:.2f}, found {norms[1]:.2f}", xlim=(-0.5, 13.5)
    )
fig.legend(*places[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
fig.supxlabel("atom", fontsize=9.5)
fig.supylabel("entry of the code (for columns of length 1)", fontsize=9.5)
plt.show()

# %% [markdown]
# ## Uniqueness needs $k + 1$ rows, the worst case $2k$
#
# By looking at every support: how many codes of $k = 2$ entries explain the response of a random
# one? With $M = k$ rows all $\binom{8}{2} = 28$ supports do (8 are kept); from $k + 1$ on only the
# planted one; but only from $2k$ on is that so for *every* code.

# %%
rng = np.random.default_rng(seed)
for rows in range(2, 6):
    G, z = rng.standard_normal((rows, 8)), np.zeros(8)
    z[rng.choice(8, 2, replace=False)] = rng.choice([-1.0, 1.0], 2)
    fit = SparseRecovery(sparsity=2, affine=True, search_limit=500).fit(G, G @ z)
    every = fit.report_.condition("spark(JD) > 2k").holds
    count = len(np.array(fit.explanations_))
    print(f"M = {rows}: explanations: {count}; unique for every code: {every}")
    assert count == (8 if rows == 2 else 1) and every is (rows >= 4)

# %% [markdown]
# ## Where $\ell_1$ turns
#
# For a Gaussian $JD$, $\ell_1$ misses $z$ exactly if the kernel of $JD$ meets the *descent cone*
# $\mathcal C$ of the norm at $z$. With $V$ the number of dimensions that $\mathcal C$ takes up (its
# random intrinsic dimension), missing with $M$ rows has a probability between $P(V \ge M + 1)$ and
# $P(V \ge M)$ (Amelunxen, Lotz, McCoy & Tropp 2014). Take rows one at a time, and let $M^*$ be
# the least number with which the code is found. Summed over $M$, for every $K$ and $k$,
#
# $$\delta \le E[M^*] \le \delta + 1, \qquad
#   \delta = E[V] = E\,\min_{\tau \ge 0} \mathrm{dist}^2\bigl(g, \tau\,\partial\|z\|_1\bigr), \qquad
#   \mathrm{Var}\,V = \mathrm{Var}\,\|\Pi_{\mathcal C}\, g\|^2 - 2\delta .$$
#
# The prediction projects Gaussian vectors $g$ and solves no linear program; the measurement solves
# linear programs and projects nothing. For large $K$ the first is the curve of Donoho & Tanner.


# %%
def predicted(k, rng):
    """delta, its standard error, and the standard deviation of V."""
    g = np.abs(rng.standard_normal((cone_draws, features)))
    signed = g[:, :k] * rng.choice([-1, 1], (cone_draws, k))
    seen = np.full(cone_draws, np.inf)
    for tau in np.linspace(0, 5, 401):  # too large by K (0.0125/2)^2 at most: a thousandth
        off = np.sum(np.maximum(g[:, k:] - tau, 0) ** 2, axis=1)
        seen = np.minimum(seen, np.sum((signed - tau) ** 2, axis=1) + off)
    spread = np.sqrt(max(seen.var() - 2 * seen.mean(), 0.0))
    return seen.mean(), seen.std() / np.sqrt(cone_draws), spread


def least_rows(k, rng):
    """M* of a random code: with more rows of the same map the kernel only shrinks, so bisect."""
    basis = np.linalg.qr(rng.standard_normal((features, features)))[0]
    code = np.zeros(features)
    code[:k] = rng.uniform(1, 2, k) * rng.choice([-1, 1], k)
    jacobian, vector = rng.standard_normal((features, features)), basis @ code
    options = {"sparsity": k, "affine": True, "normalise": False, "search_limit": 0}
    low, high = 0, features  # missed with none, found with all
    while high - low > 1:
        rows = (low + high) // 2
        fit = SparseRecovery(dictionary=basis, **options)
        fit.fit(jacobian[:rows], jacobian[:rows] @ vector)
        found = np.linalg.norm(fit.vector_ - vector) <= 1e-6 * np.linalg.norm(vector)
        low, high = (low, rows) if found else (rows, high)
    return high


rng = np.random.default_rng(seed)
theory = np.array([predicted(k, rng) for k in sparsities])
least = np.array([[least_rows(k, rng) for _ in range(trials)] for k in sparsities])
print("entries   delta   rows needed on average   spread of V   spread measured")
for k, (delta, error, spread), needed in zip(sparsities, theory, least, strict=True):
    print(f"{k:7}   {delta:5.1f}   {needed.mean():22.1f}   {spread:11.1f}   {needed.std():15.1f}")
    # M* lies between V and V + 1 in law: its spread is that of V and half a row, at most.
    slack = 4 * (error + (spread + 0.5) / np.sqrt(trials))
    assert delta - slack <= needed.mean() <= delta + 1 + slack

# %% alt="The share found rises from 0 to 1 across the predicted number of rows."
M = np.arange(1, features + 1)
share = np.mean(least[:, :, None] <= M, axis=1)  # (k, M)
fig, (ax, cut) = plt.subplots(1, 2, figsize=(10.2, 4.2), width_ratios=(3, 2))
middle = (np.array(sparsities[1:]) + sparsities[:-1]) / 2
edges = np.r_[sparsities[0] - 0.5, middle, sparsities[-1] + 0.5]
mesh = ax.pcolormesh(edges, np.r_[M - 0.5, features + 0.5], share.T, cmap="cividis", vmin=0, vmax=1)
ratio, sparse = phase_transition(np.linspace(0.02, 3.2, 200))
lines = {
    "ℓ1, K large (Donoho–Tanner)": (ratio * sparse * features, ratio * features, "-"),
    "every code unique, M = 2k": (M, 2 * M, "--"),
    "almost every code unique, M = k + 1": (M, M + 1, ":"),
}
for name, (x, y, dashes) in lines.items():
    ax.plot(x, y, color="white", lw=3.2)
    ax.plot(x, y, color="black", lw=1.5, ls=dashes, label=name)
ax.plot(sparsities, theory[:, 0] + 0.5, "o", color="white", mec="black", label="ℓ1, this K: δ + ½")
ax.grid(False)
ax.set(
    xlim=edges[[0, -1]],
    ylim=(0.5, features + 0.5),
    xlabel="entries of the code, k",
    ylabel="rows of J, M",
)
fig.colorbar(mesh, ax=ax, label="share found by ℓ1")
for place in sorted({0, len(sparsities) // 2, len(sparsities) - 1}):
    label = f"k = {sparsities[place]}"
    (line,) = cut.step(M, share[place], where="mid", label=label)
    cut.axvline(theory[place, 0] + 0.5, ls="--", color=line.get_color(), lw=1.2)
cut.set(xlabel="rows of J, M (dashed: δ + ½)", ylabel="share found by ℓ1")
cut.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
plt.show()

# %% [markdown]
# Between the dotted line and the boundary $v$ is identified and $\ell_1$ does not find it: a search
# over supports would, and the report says `globally_identifiable` there while it says that the
# method misses. Above the boundary far fewer than $d$ rows do. All of it rests on one assumption
# that no output shows: that $v$ is sparse, and in *this* dictionary.
