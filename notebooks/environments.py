# %% [markdown]
# # Environments: three arguments that share one word
#
# An *environment* is anything in which one vector meets other surroundings: another set of prompts,
# a template, a language. "With several environments the vector is identified" can mean three
# things, which give back different things and fail in different ways.
#
# | argument | seen in environment $e$ | comes back | fails where |
# |---|---|---|---|
# | rank | responses $J_e v$ | $v$ | a shared null direction |
# | second order | covariances of states | columns of the mixing | proportional variance profiles |
# | invariance | its own vector $v_e$ | the part common to all | what never varies |

# %%
import matplotlib.pyplot as plt
import numpy as np

from identifiability.metrics import mcc_directions, principal_angles
from identifiability.recovery import CovarianceRecovery, EnvironmentRecovery, InvariantRecovery
from toy_models import EnvironmentReadouts, StructuralEnvironments, TraitEnvironments
from toy_models.environments import leaks

plt.style.use("identifiability.reporting.style")

# %% tags=["parameters"] reduced={"draws": 2}
seed = 0
draws = 12  # structural models at each gap between variance profiles
samples = 15_000  # states in each environment

# %% [markdown]
# ## Rank: what one environment hides another may show
#
# **Statement (R3a).** Let the outputs be affine and let the *same* $v$ be added in every
# environment. Then the class is
#
# $$[v] = v + \bigcap_e \ker J_e .$$
#
# Its dimension never grows with a further environment. At rank $r$ each, at least $\lceil d/r
# \rceil$ environments are needed, and generically that many are enough.
#
# Below $d = 12$ and $r = 3$, three times: environments in general position; one environment and
# five more that see what it sees; and environments that have two null directions in common.

# %%
d, r = 12, 3
models = {
    "general position": EnvironmentReadouts(d, rank=r, environments=6),
    "the first one repeated": EnvironmentReadouts(d, rank=r, environments=6, repeats=5),
    "2 null directions shared": EnvironmentReadouts(d, rank=r, environments=6, shared=2),
}
toys = {name: model.sample(seed) for name, model in models.items()}
fits = {
    name: EnvironmentRecovery(affine=True).fit(list(toy.jacobians), list(toy.responses()))
    for name, toy in toys.items()
}
for name, fitted in fits.items():
    print(f"{name:25s} class {fitted.dimension_path_}  {fitted.report_.verdict}")

# %% [markdown]
# The toys know the kernel that they were built with, so that the answer can be checked: the kernel
# found is that one, and where there is none, $v$ itself is back. Adding a shared null direction to
# $v$ changes no response anywhere.

# %%
for name, fitted in fits.items():
    toy, path = toys[name], fitted.dimension_path_
    assert np.all(np.diff(path) <= 0) and path[-1] == models[name].lost
    if path[-1]:
        assert principal_angles(fitted.kernel_, toy.kernel).worst < 1e-6
    else:
        assert np.allclose(fitted.vector_, toy.vector)
shared = toys["2 null directions shared"]
elsewhere = shared.vector + 5 * shared.kernel[:, 0]
change = np.abs(shared.responses(elsewhere) - shared.responses()).max()
print(f"largest change of a response: {change:.0e}")
assert change < 1e-12

# %% alt="General position falls 9, 6, 3, 0; repeats stay at 9; shared directions stop at 2."
fig, ax = plt.subplots(figsize=(6.4, 3.4))
count = np.arange(1, 7)
for (name, fitted), marker in zip(fits.items(), "osD", strict=True):
    ax.plot(count, fitted.dimension_path_, marker + "-", label=name)
ax.plot(count, np.maximum(0, d - r * count), "k:", label="bound max(0, d − rk)")
ax.set(xlabel="environments k", ylabel="dimension of the class", yticks=range(0, 13, 3))
ax.legend()
plt.show()

# %% [markdown]
# **What the data can tell, and what not.** That one environment got *another* vector shows: its
# response fits no common $v$, and it is named. That a null direction is shared by the environments
# *to come* does not show.

# %%
odd = EnvironmentReadouts(d, rank=r, environments=6, odd=4).sample(seed)
found = EnvironmentRecovery(affine=True).fit(list(odd.jacobians), list(odd.responses()))
print(found.prediction_.failure_mode)
assert found.prediction_.affected == ((4,),)

# %% [markdown]
# ## Second order: what changing variances show, even of Gaussians
#
# States are $h = A s$ with independent sources $s$, and environments change how much each source
# varies. No response to $v$ is needed, only states.
#
# **Statement (R3b).** With $\Sigma_e = A \Lambda_e A^\top$ and $A$ invertible, the columns of $A$
# are identified up to order and scale if and only if the variance profiles $\lambda_i = (\Lambda_1,
# \dots, \Lambda_E)_{ii}$ of any two sources are linearly independent. It holds for Gaussian sources
# too, where independent components fail.
#
# The toy is a structural causal model with Gaussian noises; the logarithms of the variance ratios
# of nodes 1 and 3 differ by a gap that we may choose. Errors are angles between true and estimated
# columns, in coordinates where the true sources have variance 1.


# %%
def recovered(gaps, seed):
    """The fit, and the angle (radians) by which the column of each node is off."""
    toy = StructuralEnvironments(gaps=gaps, samples=samples).sample(seed)
    fitted = CovarianceRecovery().fit(list(toy.states))
    white = toy.mixing * np.sqrt(toy.variances.mean(axis=1))
    columns = np.linalg.solve(white, fitted.mixing_)
    cosines = mcc_directions(columns, np.eye(len(columns)), draws=1).parts
    return toy, fitted, np.arccos(np.minimum(cosines, 1.0))


runs = {g: [recovered(g, seed + k) for k in range(6)] for g in ((0.6,), (0.0,), (0.0, 0.6))}
for gaps, six in runs.items():
    said = six[0][1].prediction_
    print(f"gaps {gaps}: {'recovers' if said.recovers else said.failure_mode}")
    worst = np.degrees(np.max([angles for _, _, angles in six], axis=0))
    print(f"   worst error of each column in six models, degrees: {worst.round(1)}")
    assert all(fitted.prediction_.recovers is (max(gaps) > 0) for _, fitted, _ in six)

# %% [markdown]
# With one gap of 0 the pair's columns may be turned among themselves without any change of the
# covariances: the method says which, *before* it estimates, and the other columns come back. A
# third environment that tells the two apart mends it.
#
# How fast does the error fall with the gap? To first order the part of one column in the other has
# standard error $\sqrt{(r^2 + r r')/n}\,/\,|r - r'|$, where $r, r'$ are the two variance ratios. At
# gap 0 nothing holds the pair, and the angle to the nearest column is uniform up to 45°.

# %% alt="The error falls as one over the gap, along the theory; at gap 0 it is anything up to 45°."
gaps = np.geomspace(0.02, 1.6, 7)
pair = [1, 3]
free = [angles[pair].max() for _, _, angles in runs[0.0,]]
# Six angles uniform up to 45 degrees all lie below 0.15 radians once in 20 000 sets of six.
assert max(free) > 0.15
fig, ax = plt.subplots(figsize=(6.4, 3.8))
ax.scatter(np.full(6, 0.01), np.degrees(free), marker="x", color="C1", label="gap 0")
theory = []
for gap in gaps:
    some = [recovered((gap,), seed + k) for k in range(draws)]
    off = np.array([angles[pair].max() for _, _, angles in some])
    errors = [np.linalg.norm(leaks(toy.variances, samples), axis=0) for toy, _, _ in some]
    bound = np.array([error[pair].max() for error in errors])
    theory.append(np.degrees(np.arctan(np.median(bound))))
    ax.scatter(np.full(draws, gap), np.degrees(off), color="C0", s=14)
    if gap > 0.2:  # first order: small angles only; a normal error exceeds six sigma once in 5e8
        assert np.all(np.tan(off) < 6 * bound)
ax.plot(gaps, theory, "k--", label="standard error, first order")
ax.set(xscale="log", yscale="log", ylim=(0.1, 60), xlim=(0.008, 2))
ax.set_xticks([0.01, 0.02, 0.1, 1], ["0", "0.02", "0.1", "1"])
ax.set_yticks([0.1, 1, 10, 45], ["0.1", "1", "10", "45"])
ax.minorticks_off()
ax.set(xlabel="gap between the log variance ratios", ylabel="error of the pair (degrees)")
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# ## Invariance: the part that stays the same
#
# Extract a vector in every environment. Each has the trait in it and whatever is associated with
# the trait *there*: $v_e = c + S a_e$.
#
# **Statement (R3c).** Let $S'$ be the span of the differences $v_e - v_1$. The part of $v_e$
# orthogonal to $S'$ is the same in every environment. *If* $S' = \mathrm{col}(S)$, then $c$ is
# known up to $S'$, and exactly if also $c \perp S'$. The average of the $v_e$ is $c$ only if the
# spurious amounts cancel, $S \bar a = 0$.

# %%
toy = TraitEnvironments(width=8, environments=6, rank=2).sample(seed)
c = toy.common[0]
fitted = InvariantRecovery(orthogonal=True).fit(toy.vectors)
average = toy.vectors.mean(axis=0)
print(f"cosine of the average with c:        {average @ c / np.linalg.norm(average):.3f}")
print(f"distance of the invariant part to c: {np.linalg.norm(fitted.component_ - c):.0e}")
assert np.allclose(fitted.component_, c)
assert principal_angles(fitted.spurious_, toy.spurious).worst < 1e-6

# %% [markdown]
# Two assumptions are in it, and no data can support either. **First**, that $c \perp S$: a third of
# the energy of the next $c$ lies in the span of what is spurious. Its orthogonal part comes back,
# and every $c'$ in $c + S'$ explains all vectors equally well. So the report says: a class of
# dimension 2.

# %%
slanted = TraitEnvironments(width=8, environments=6, rank=2, orthogonal=False).sample(seed)
honest = InvariantRecovery().fit(slanted.vectors)
print(honest.report_)
seen = slanted.common[0] - honest.spurious_ @ (honest.spurious_.T @ slanted.common[0])
assert np.allclose(honest.component_, seen)
assert not np.allclose(honest.component_, slanted.common[0])
assert honest.report_.class_dimension == 2

# %% [markdown]
# **Second**, that everything spurious varies. Here one of two spurious parts has the same amount in
# all six environments. It passes for the trait, and every condition that can be checked holds.

# %%
constant = TraitEnvironments(width=8, environments=6, rank=2, constant=1).sample(seed)
fooled = InvariantRecovery(orthogonal=True).fit(constant.vectors)
varying = constant.spurious[:, 0] / np.linalg.norm(constant.spurious[:, 0])
both = constant.common[0] + constant.spurious[:, 1]
print("conditions:", {c.name: c.holds for c in fooled.conditions_})
print(f"error of the invariant part: {np.linalg.norm(fooled.component_ - constant.common[0]):.2f}")
assert np.allclose(fooled.component_, both - varying * (varying @ both))

# %% [markdown]
# In a plane it can be seen at once. The vectors of all environments lie on a line in the direction
# of $S$. Its foot seen from the origin is what they share. On the left $c$ is that foot. On the
# right it is some other point of the line, and nothing says which.

# %% alt="Vectors on a line along S; c is the foot of the line on the left and not on the right."
fig, places = plt.subplots(1, 2, figsize=(8.4, 3.6), sharex=True, sharey=True)
for ax, straight in zip(places, (True, False), strict=True):
    flat = TraitEnvironments(width=3, environments=5, rank=1, orthogonal=straight).sample(seed)
    foot = InvariantRecovery(orthogonal=True).fit(flat.vectors).component_
    plane = np.array([flat.spurious[:, 0], foot])
    plane /= np.linalg.norm(plane, axis=1, keepdims=True)
    points, mean = flat.vectors @ plane.T, flat.vectors.mean(axis=0) @ plane.T
    ax.axhline(points[0, 1], color="0.6", lw=1)
    for x, y in points:
        ax.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "color": "0.55"})
    ax.plot(*points.T, "o", color="C0", label="v in each environment")
    ax.plot(*mean, "s", color="C1", label="their average")
    ax.plot(*(plane @ foot), "^", color="C2", ms=9, label="invariant part")
    ax.plot(*(plane @ flat.common[0]), "*", color="C3", ms=12, label="c")
    ax.set(title="c orthogonal to S" if straight else "c not orthogonal to S", xlabel="along S")
    ax.set_ylim(-0.15, 1.5)
places[0].set_ylabel("orthogonal to S")
places[0].legend(loc="upper left", ncols=2)
plt.show()

# %% [markdown]
# **To take away.** Ask of any claim that environments identify a vector: which of the three is
# meant? Rank needs responses to the *same* vector, second order needs states of *independent*
# sources, invariance needs that everything spurious *varies*. The first can be checked to the end;
# the second in part (a common basis of all covariances can be rejected); the third hardly at all.
