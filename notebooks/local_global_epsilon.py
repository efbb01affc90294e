# %% [markdown]
# # Global, local, within ε: three ways of being identified
#
# A vector $v$ is added to the states $h_x$ of prompts $x$ at strengths $\alpha \in A$, and the
# outputs $F_x(h_x + \alpha v)$ are watched. The **class** $[v]$ holds all $v'$ with the same ones.
#
# | verdict | meaning |
# |---|---|
# | globally identifiable | $[v] = \{v\}$ |
# | locally identifiable | $[v] \cap U = \{v\}$ for some neighbourhood $U$ of $v$ |
# | first order only | the Jacobian has a kernel; at finite amplitude nothing is shown |
# | ε-non-identifiable | some directions of length $R$ change the outputs by at most $\varepsilon$ |
#
# A Jacobian looks at one point. What may it say of the rest?

# %%
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
import torch
from scipy.linalg import ldl

from identifiability import EquivalenceClass, Spectrum, Verdict, generic_rank
from identifiability.operators import FisherOperator, JacobianOperator, average, stack
from toy_models import BottleneckMLP, SoftmaxReadout, TanhReadout

plt.style.use("identifiability.reporting.style")

# %% tags=["parameters"] reduced={"grid": 60, "draws": 40, "radii": 11}
seed = 0
grid = 200  # points on each axis of the map
most_prompts = 7
radii = 25
draws = 200  # random steps

# %% [markdown]
# ## Local is not global
#
# Read the plane as complex numbers and let $F(z) = z^2$. From the state $0$, $v$ gives $v^2$, and
# so does $-v$. The Jacobian at $v$ is invertible: nothing *near* $v$ is confused with it. No
# strength helps, since $(\alpha v)^2 = (-\alpha v)^2$. A second prompt does: from $h \ne 0$,
# $v'^2 = v^2$ and $(h + v')^2 = (h + v)^2$ together leave $v' = v$. The Jacobian's word comes from
# the package; the whole class takes algebra.


# %%
def squared(h):
    return torch.stack([h[0] ** 2 - h[1] ** 2, 2 * h[0] * h[1]])


def whole_class(*states):
    x, y = sp.symbols("x y", real=True)
    gaps = [sp.expand((h + x + sp.I * y) ** 2 - (h + 1 + sp.I / 2) ** 2) for h in states]
    found = sp.solve([part for g in gaps for part in g.as_real_imag()], [x, y], dict=True)
    return {(s[x], s[y]) for s in found}


v = np.array([1.0, 0.5])
local = EquivalenceClass(JacobianOperator(squared, torch.from_numpy(v)), v)
print(local.report)
assert local.report.verdict is Verdict.LOCALLY_IDENTIFIABLE
assert whole_class(0) == {(1, sp.S.Half), (-1, -sp.S.Half)}
assert whole_class(0, 1) == {(1, sp.S.Half)}

# %% alt="The outputs agree at v and −v with one prompt, at v alone with two."
axis = np.linspace(-2, 2, grid)
other, planted = axis[None, :] + 1j * axis[:, None], complex(*v)
apart = [np.abs((h + other) ** 2 - (h + planted) ** 2) for h in (0, 1)]
maps = {"one prompt: v and −v": apart[0], "two prompts: v alone": np.hypot(*apart)}
fig, places = plt.subplots(1, 2, figsize=(8.2, 3.6), sharey=True)
levels = np.logspace(-1.5, 1.0, 11)
for ax, (title, shown) in zip(places, maps.items(), strict=True):
    shown = np.clip(shown, *levels[[0, -1]])
    ax.contourf(axis, axis, shown, levels, norm="log", cmap="cividis")
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    for name, point in (("v", v), ("−v", -v)):
        ax.annotate(name, point, ha="center", va="center", fontsize=8.5, bbox=box)
    ax.set(title=title, xlabel="first coordinate of v′", aspect="equal")
places[0].set_ylabel("second coordinate of v′")
fig.colorbar(places[0].collections[0], ax=places, label="distance of outputs", format="%.2g")
plt.show()

# %% [markdown]
# The other way round: $F(h) = h^3$ steered from $-1$ by $v = 1$ lands on $0$, where the Jacobian
# vanishes. All of the line is its kernel, yet $F$ is injective and $v$ is globally identified.
#
# **Strength.** For every $F$, $(A, v)$ and $(A/c, cv)$ give the same outputs: without a unit of
# strength at most the line of $v$ is identified. For affine $F$, equal at one $\alpha \ne 0$ is
# equal at all; but $(\alpha y - 1)^2$ is the same for $y = 0$ and $y = 2$ at $\alpha = 0, 1$ only.

# %%
flat = EquivalenceClass(JacobianOperator(lambda h: h**3, torch.zeros(1).double()), [1.0])
assert flat.dimension == 1 and flat.report.verdict is Verdict.FIRST_ORDER_ONLY
assert sp.roots((2 * sp.Symbol("alpha") - 1) ** 2 - 1) == {0: 1, 1: 1}

# %% [markdown]
# ## What a kernel hides at finite amplitude
#
# Two networks with a bottleneck of width 3, before and after a non-linearity: the same kernel
# dimension at one prompt, and the same verdict, *first order only*. But if $F = G \circ P$ with
# $P$ linear, a step $t\,n$ along the kernel changes nothing at any $t$; otherwise the outputs move
# by up to $\tfrac12 L t^2$: slope 2 in a log–log plot, against slope 1 off the kernel.


# %% alt="Off the kernel slope 1; on it slope 2, or nothing where the bottleneck is first."
def operator(toy):
    pairs = zip(toy.continuations, toy.states, strict=True)
    return stack([JacobianOperator(F, torch.from_numpy(h + toy.vector)) for F, h in pairs])


def moved(toy, step):
    before = torch.from_numpy(toy.vector)
    return float((toy.observe(before + torch.from_numpy(step)) - toy.observe(before)).norm())


t = np.logspace(-4, 0.5, 28)
small = t < 1e-2  # there the next order bends a slope by far less than the tenth allowed
early, late = BottleneckMLP(), BottleneckMLP(placement="after_nonlinearity")  # of 12, width 3
toys = {"first": (early.sample(seed), 0), "later": (late.sample(seed), 2)}  # slope on the kernel
fig, ax = plt.subplots(figsize=(6.4, 3.6))
for place, (toy, order) in toys.items():
    seen = EquivalenceClass(operator(toy), toy.vector)
    assert seen.dimension == toy.kernel.shape[1] == 9
    assert seen.report.verdict is Verdict.FIRST_ORDER_ONLY
    off = seen.report.identified_functionals[0]
    for name, n, slope in (("kernel", seen.basis[:, 0], order), ("off it", off, 1)):
        gone = np.array([moved(toy, s * n) for s in t])
        dashes, label = "-" if name == "kernel" else "--", f"bottleneck {place}, {name}"
        ax.loglog(t, np.maximum(gone, 1e-17), dashes, label=label)
        if slope:
            assert abs(np.polyfit(np.log(t[small]), np.log(gone[small]), 1)[0] - slope) < 0.1
        else:
            assert gone.max() < 1e-13  # rounding of outputs of size 1
ax.set(xlabel="length t of the step (units of the state)", ylabel="distance of outputs")
ax.legend()
plt.show()

# %% [markdown]
# ## How many equations: the generic dimension
#
# For almost all weights $N$ prompts with $m$ outputs leave $\max(0, d - Nm)$ dimensions. A linear
# layer of width $r$ that all prompts share leaves $d - r$ however many there are; behind a
# non-linearity it bounds each prompt only, $\max(0, d - Nr)$. Singular values (circles) against
# the rank of the same product of free factors over a random prime field (crosses).


# %% alt="No bottleneck falls by 2 a prompt, a later one by 3; an early one stays at 9."
def product_of_free_factors(family, n):
    def rows(draw, prime):
        def free(count, columns=12):
            return np.array([[draw() for _ in range(columns)] for _ in range(count)], dtype=object)

        narrow, mixing = free(3), free(12)
        blocks = {
            "no bottleneck": lambda: free(2),
            "bottleneck first": lambda: free(20, 3) @ narrow,
            "bottleneck later": lambda: (narrow * free(1)) @ mixing,  # slopes differ by prompt
        }
        return np.vstack([blocks[family]() for _ in range(n)]).tolist()

    return 12 - int(generic_rank(rows, degree=3, rng=np.random.default_rng([seed, n])))


families = {  # the model, what a prompt can show, and what all prompts together can
    "no bottleneck": (lambda n: TanhReadout(width=12, hidden=48, outputs=2, prompts=n), 2, 12),
    "bottleneck first": (lambda n: BottleneckMLP(prompts=n), 3, 3),
    "bottleneck later": (lambda n: BottleneckMLP(prompts=n, placement="after_nonlinearity"), 3, 12),
}
fig, ax = plt.subplots(figsize=(6.4, 3.4))
N = range(1, most_prompts + 1)
for name, (model, each, together) in families.items():
    toys = [model(n).sample(seed) for n in N]
    found = [EquivalenceClass(operator(toy), toy.vector).dimension for toy in toys]
    generic = [product_of_free_factors(name, n) for n in N]
    assert found == generic == [12 - min(together, n * each) for n in N]
    (line,) = ax.plot(N, found, "o-", mfc="none", ms=8, label=name)
    ax.plot(N, generic, "x", color=line.get_color())
ax.set(xlabel="prompts N", ylabel="dimension of the class (of d = 12)")
ax.legend()
plt.show()

# %% [markdown]
# ## Within ε
#
# Where $p_x = \mathrm{softmax}\, F_x$ is observed, with $G$ the mean over prompts of
# $J_x^\top(\mathrm{diag}\,p_x - p_x p_x^\top) J_x$,
#
# $$\mathrm{KL}(p_h \,\|\, p_{h+\delta}) = \tfrac12\,\delta^\top G\,\delta + O(\|\delta\|^3), \qquad
#   n_\varepsilon(R) = \#\{i : \tfrac12 \lambda_i R^2 \le \varepsilon\},$$
#
# the largest dimension of a subspace on which the quadratic KL stays within $\varepsilon$ nats at
# radius $R$ (Courant–Fischer). This readout has *full rank*: no null direction at all. The count is
# checked by inertia (Sylvester), without any eigenvalue of $G$.

# %%
model = SoftmaxReadout(width=24, vocabulary=60, rank=24, spectrum="power_law", prompts=4)
toy, epsilon = model.sample(seed), 0.01  # nats
pairs = list(zip(toy.continuations, torch.from_numpy(toy.states + toy.vector), strict=True))
jacobians = [JacobianOperator(F, h) for F, h in pairs]
G = average([FisherOperator(J) for J in jacobians])
spectrum, dense = Spectrum.of(G), G @ np.eye(24)
assert spectrum.rank() == 24 and EquivalenceClass(stack(jacobians), toy.vector).dimension == 0
R = np.logspace(-1, 2.5, radii)
counts = {e: [spectrum.epsilon_null_dimension(e, r) for r in R] for e in (0.1, epsilon, 0.001)}
for e, count in counts.items():
    inertia = [ldl(2 * e / r**2 * np.eye(24) - dense)[1] for r in R]  # block-diagonal factors
    assert count == [int(np.sum(np.linalg.eigvalsh(block) > 0)) for block in inertia]

# %% [markdown]
# How good is the quadratic? Here the logits are affine in the state, so with $\rho$ the range
# (largest less smallest) of the change that $\delta$ makes to them, no probability changes by more
# than $e^{\rho}$, and the ratio of KL to quadratic lies in $[e^{-\rho}, e^{\rho}]$.


# %% alt="Left: fewer hidden directions at larger radius. Right: KL along its quadratic."
def divergence(step):  # the mean KL (nats) at which a step is seen, and its quadratic
    to = torch.from_numpy(step)
    kl = [float(torch.sum(F(h).exp() * (F(h) - F(h + to)))) for F, h in pairs]
    return np.mean(kl), step @ dense @ step / 2


directions = np.random.default_rng(seed).standard_normal((draws, 24)) / np.sqrt(24)
for step in directions * np.resize(R, (draws, 1)):
    measured, quadratic = divergence(step)
    assert abs(np.log(measured / quadratic)) <= max(np.ptp(J @ step) for J in jacobians)
fig, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.6))
for e, count in counts.items():
    left.step(R, count, where="mid", label=f"ε = {e:g} nats")
left.set(xscale="log", ylabel="ε-null dimension (of d = 24)")
left.legend()
ends = {"most seen": spectrum.eigenvectors[:, 0], "least seen": spectrum.eigenvectors[:, -1]}
for name, n in (ends | {"v": toy.vector / np.linalg.norm(toy.vector)}).items():
    both = np.array([divergence(r * n) for r in R])
    (line,) = right.loglog(R, both[:, 0], label=name)
    right.loglog(R, both[:, 1], ":", color=line.get_color())
right.axhline(epsilon, color="0.5", ls="--", label="ε = 0.01 nats")
right.set(ylabel="mean KL (nats); dotted: quadratic")
right.legend(loc="upper left")
fig.supxlabel("radius R (units of the state)", fontsize=9.5)
plt.show()

# %% [markdown]
# So $v$ is identified exactly, and in all but a few directions not within $\varepsilon$. What that
# means: if the two errors of a test between $v$ and $v'$ are to sum to $\eta$ or less, it needs
# $n \ge \log(1/2\eta)/\mathrm{KL}$ draws (Bretagnolle–Huber), 230 for $\eta = 0.05$ at 0.01 nats.

# %%
seen = EquivalenceClass(G, toy.vector, epsilon=epsilon, radius=5.0)
print(f"{seen.report}, measured {divergence(seen.witness().vector - toy.vector)[0]:.2g} nats")
assert seen.report.verdict is Verdict.EPSILON_NON_IDENTIFIABLE
