# %% [markdown]
# # Gauges: what may change while nothing that is seen changes
#
# A **gauge** is a group that acts on the unknowns and leaves every observation alone. Two answers
# in one orbit cannot be told apart by any amount of data, so a recovery is right when it is right
# up to the gauge, and a statement means something only if it is the same all along the orbit: if it
# is *invariant*. A *canonical form* picks one member of each orbit, so that orbits can be compared.

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch

from identifiability import EquivalenceClass, FisherOperator, JacobianOperator, exact_rank, stack
from identifiability.gauge import Rotation, Shift, SignedPermutation
from toy_models import TransformerBlocks

plt.style.use("identifiability.reporting.style")

# %% tags=["parameters"] reduced={"draws": 60, "shifts": 9}
seed = 0
draws = 200  # random elements of each group
width = 16  # of the decoders
vocabulary = 40
shifts = 25  # points on the axis of c

# %% [markdown]
# ## Three groups
#
# | what is observed | of | gauge |
# |---|---|---|
# | outputs through $J$ (logits through a softmax) | a vector | add a kernel vector (a constant) |
# | covariance $AA^\top$ of the states | columns $A$ | $A \mapsto AQ$, $Q$ orthogonal |
# | law of independent, non-Gaussian sources | columns $A$ | order and sign |
#
# Check the definition on each: $\mathrm{canonical}(x \cdot g) = \mathrm{canonical}(x)$ for random
# $g$, and the observation is the same.

# %%
rng = np.random.default_rng(seed)
A = np.array([[2.0, 0.6], [0.3, 1.2]])
J = np.array([[1.0, 2.0]])
groups = {  # each with something that it does not change
    "shift: a line": (Shift(np.array([[2.0], [-1.0]])), lambda x: J @ x),
    "rotation: an ellipse": (Rotation(2), lambda x: x @ x.T),
    "order and sign: four points": (SignedPermutation(2), lambda x: np.sort(np.abs(x).sum(axis=0))),
}
for gauge, observation in groups.values():
    for _ in range(draws):
        changed = gauge.act(gauge.random(rng), A)
        assert np.allclose(gauge.canonical(changed), gauge.canonical(A))
        assert np.allclose(observation(changed), observation(A))
    print(f"{type(gauge).__name__:18} dimension {gauge.dimension}")

# %% alt="Orbits of one column: a line, an ellipse, four points; one canonical member each."
fig, places = plt.subplots(1, 3, figsize=(9.6, 3.4), sharex=True, sharey=True)
for ax, (title, (gauge, _)) in zip(places, groups.items(), strict=True):
    orbit = np.array([gauge.act(gauge.random(rng), A)[:, 0] for _ in range(draws)])
    ax.plot(*orbit.T, ".", ms=3, label="orbit of the first column")
    ax.plot(*A[:, 0], "s", label="as given")
    ax.plot(*gauge.canonical(A)[:, 0], "^", ms=7, label="canonical")
    ax.axhline(0, color="0.7", lw=0.8)
    ax.axvline(0, color="0.7", lw=0.8)
    ax.set(title=title, xlabel="first coordinate", xlim=(-4, 4), ylim=(-3, 3), aspect="equal")
places[0].set_ylabel("second coordinate")
fig.legend(*places[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()

# %% [markdown]
# ## A constant added to all logits (N6a)
#
# $\mathrm{softmax}(z + c\mathbf 1) = \mathrm{softmax}(z)$. It hides a direction of the *state* only
# if some direction changes all logits alike: for logits $Wh$,
# $\dim \ker G = \dim \ker W + [\mathbf 1 \in \mathrm{col}\, W]$. Integer weights, so that the ranks
# of $W$, of $[W, \mathbf 1]$ and of differences of its rows are exact.

# %%
generic = rng.integers(-3, 4, (6, 3))
reaching = generic.copy()
reaching[:, 2] = 1 - generic[:, 0]  # then W (e1 + e3) = 1
for name, W in {"1 out of reach": generic, "1 in col W": reaching}.items():
    logits = partial(torch.mv, torch.from_numpy(W.astype(float)))
    metric = FisherOperator(JacobianOperator(logits, torch.zeros(3).double()))
    hidden = EquivalenceClass(metric, np.ones(3)).dimension
    with_one = int(exact_rank(np.column_stack([W, np.ones(6, int)])))
    print(f"{name}: {hidden} hidden of 3")
    assert hidden == 3 - int(exact_rank(W)) + (with_one == int(exact_rank(W)))
    assert hidden == 3 - int(exact_rank(np.diff(W, axis=0)))

# %% [markdown]
# ## A constant added to the residual stream (N6b)
#
# $\mathrm{LayerNorm}(h + c\mathbf 1) = \mathrm{LayerNorm}(h)$ exactly, its ε included. If every
# block that follows reads the stream through a LayerNorm (pre-LN) and so does the unembedding,
# $c\mathbf 1$ is invisible for all $c$, at any layer and position. Each premise is needed.

# %% alt="Logits stay the same for all c under pre-LN with a final LayerNorm, and move otherwise."
blocks = partial(TransformerBlocks, width=width, vocabulary=vocabulary)
decoders = {
    "pre-LN": blocks(),
    "post-LN": blocks(placement="post"),
    "RMSNorm": blocks(norm="rms"),
    "pre-LN, no final norm": blocks(final_norm=False),
}
c = np.logspace(-3, 3, shifts)
fig, ax = plt.subplots(figsize=(6.4, 3.6))
for (name, model), marker in zip(decoders.items(), "os^v", strict=True):
    toy = model.sample(seed)
    plain = toy.observe(torch.zeros(width).double())
    gone = [
        float((toy.observe(torch.from_numpy(np.full(width, s))) - plain).abs().max()) for s in c
    ]
    ax.loglog(c, np.maximum(gone, 1e-17), f"{marker}-", ms=4, label=name)
    if name == "pre-LN":
        assert max(gone) < 1e-10  # subtracting a mean of 1000 rounds at 1e-13 of it
        assert np.allclose(np.abs(toy.kernel[:, 0]), width**-0.5)
    else:
        assert max(gone) > 1e-2
ax.set(xlabel="c, added to every coordinate", ylabel="largest change of a logit")
ax.legend()
plt.show()

# %% [markdown]
# ## The radius of the last state (N6c)
#
# A final norm without ε does not see the length of $h_L$. So at *one* prompt, strength and position
# $M^{-1}h_L$ is null at every layer, with $M = \partial h_L/\partial h_\ell$. A second prompt has
# another such line, so that two see everything (but $\mathbf 1$, where the norms are LayerNorms).


# %% alt="Singular values: the last one is at the noise floor for one prompt, not for two."
def seen_by(toy, prompts):
    at = [torch.from_numpy(toy.states[x] + toy.vector) for x in range(prompts)]
    return stack([JacobianOperator(toy.continuations[x], h) for x, h in enumerate(at)])


toy = blocks(norm="rms", epsilon=0.0).sample(seed)
steered = torch.from_numpy(toy.states[0] + toy.vector)
M = torch.func.jacrev(lambda h: toy.last_state(0, h))(steered).numpy()
radial = np.linalg.solve(M, toy.last_state(0, steered).numpy())
classes = [EquivalenceClass(seen_by(toy, n), toy.vector) for n in (1, 2)]
cosine = abs(classes[0].basis[:, 0] @ radial) / np.linalg.norm(radial)
print(f"hidden: {[seen.dimension for seen in classes]}; cosine to the prediction {cosine:.9f}")
assert [seen.dimension for seen in classes] == [1, 0] and cosine > 1 - 1e-9

fig, ax = plt.subplots(figsize=(6.4, 3.4))
for seen, marker, name in zip(classes, "os", ("one prompt", "two prompts"), strict=True):
    ax.semilogy(1 + np.arange(width), seen.spectrum.values, marker, mfc="none", ms=7, label=name)
ax.axhline(classes[0].spectrum.resolution, ls="--", color="0.5", label="noise floor")
ax.set(xlabel="index", ylabel="singular value (logits per unit of the state)")
ax.legend()
plt.show()

# %% [markdown]
# ## A rotation of the residual basis (N6d)
#
# RMSNorm commutes with rotations. With all gains folded into the matrices that read the stream,
# none on what is written, untied embeddings and one $Q$ for all layers, turning the basis and $v$
# together changes no output. "Sparse in the standard basis" is then no property of behaviour; a
# cosine still is one. Three of the premises are broken, one at a time.

# %%
Q = Rotation(width).random(rng)
v = np.eye(width)[3] * 2.0  # one entry


def outputs(decoder, vector):
    states = decoder.stream(toy.tokens[0], 0)
    return decoder.logits(decoder.resume(states + torch.from_numpy(vector), 0)[-1])


def gap(model, *, fold=True):
    decoder = model.sample(seed).decoder
    turned = (decoder.folded() if fold else decoder).rotated(torch.from_numpy(Q))
    return float((outputs(turned, Q @ v) - outputs(decoder, v)).abs().max())


kept = gap(blocks(norm="rms"))
broken = {
    "gains not folded": gap(blocks(norm="rms"), fold=False),
    "gain on the writes": gap(blocks(norm="rms", write_gain=True)),
    "LayerNorm": gap(blocks()),
}
print(f"all premises: {kept:.1e};", "; ".join(f"{k}: {g:.2f}" for k, g in broken.items()))
assert kept < 1e-11 and min(broken.values()) > 1e-2

# %% [markdown]
# ## Any invertible matrix (N5)
#
# Seen from outside, with the network unknown, $(F \circ A^{-1}, Ah, Av)$ behaves as $(F, h, v)$ for
# every invertible $A$. Cosines are then free: for independent $v, w$ and any $c \in (-1, 1)$ some
# $A$ gives $\cos(Av, Aw) = c$. What stays is the behavioural inner product $v^\top G w$, since
# $G \mapsto A^{-\top} G A^{-1}$. Here $A$ stretches the bisector of $v$ and $w$ by a factor.

# %% alt="One entry becomes many; the cosine runs from −1 to 1, the Fisher one stays."
pair = rng.standard_normal((width, 2))
pair /= np.linalg.norm(pair, axis=0)  # v and w
bisector = pair.sum(axis=1) / np.linalg.norm(pair.sum(axis=1))
angle = np.arccos(pair[:, 0] @ pair[:, 1])
h, F = torch.from_numpy(toy.states[0]), toy.continuations[0]


def seen_from_outside(A):
    """cos(Av, Aw), and inner products of both in the Fisher metric of F o A^-1 at Ah."""
    inverse, moved = torch.from_numpy(np.linalg.inv(A)), A @ pair
    G = FisherOperator(JacobianOperator(lambda z: F(inverse @ z), torch.from_numpy(A) @ h))
    lengths = np.linalg.norm(moved, axis=0)
    return moved[:, 0] @ moved[:, 1] / lengths.prod(), moved.T @ (G @ moved)


wanted = np.linspace(-0.95, 0.95, 15)
stretch = np.tan(angle / 2) * np.sqrt((1 + wanted) / (1 - wanted))
found = [seen_from_outside(np.eye(width) + (s - 1) * np.outer(bisector, bisector)) for s in stretch]
plain = pair.T @ (FisherOperator(JacobianOperator(F, h)) @ pair)  # without any A
assert np.allclose([cosine for cosine, _ in found], wanted)
assert all(np.allclose(inner, plain) for _, inner in found)

fig, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.4))
left.plot(np.abs(v), "o", mfc="none", label="v")
left.plot(np.abs(Q @ v), "s", mfc="none", label="Qv, in the turned network")
left.set(xlabel="coordinate", ylabel="modulus of the entry", title="the same behaviour (N6d)")
left.legend()
right.semilogx(stretch, [cosine for cosine, _ in found], "o-", label="cosine of Av and Aw")
behaviour = [inner[0, 1] / np.sqrt(inner[0, 0] * inner[1, 1]) for _, inner in found]
right.semilogx(stretch, behaviour, "s--", label="in the Fisher metric")
right.set(xlabel="stretch of the bisector", ylabel="cosine", title="the same behaviour (N5)")
right.set_xticks([0.2, 0.5, 1, 2, 5], labels=["0.2", "0.5", "1", "2", "5"])
right.set_xticks([], minor=True)
right.legend()
plt.show()

# %% [markdown]
# **So:** say under which gauge a number was read off. Entries of a vector are no property of
# behaviour. A cosine survives the rotation gauge of a known architecture, and no gauge from
# outside; and where there is a kernel, only the part of a vector outside it has a cosine that
# behaviour knows. $v^\top G w$ is the same everywhere: it belongs beside every cosine.
