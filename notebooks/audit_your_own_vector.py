# %% [markdown]
# # Audit your own vector
#
# You have a steering vector, extracted by whatever recipe, that "works". May you interpret it? The
# audit asks what behaviour pins down of it, and answers with
#
# * the **class**: how many directions of its length change the output by less than $\varepsilon$;
# * a **witness** $v'$: another vector of the same norm, far from $v$, *measured* to do the same,
#   beside random steps as long, which have to be seen;
# * the **representative** $a$: the part of $v = a + b$ seen above $\varepsilon$ at this radius;
# * what would **settle** it, and how many outputs it would take to tell $v$ from $v'$.
#
# **Statement (N1, N7).** Let $G$ be the mean metric of the outputs at the steered states $h_x +
# \alpha v$ and $R = \alpha \|v\|$. Split $v = a + b$ into its parts along eigenvectors with
# $\lambda_i > 2 \varepsilon / R^2$ and the others. To second order $a - b$ is as long as $v$, at
# cosine $(\|a\|^2 - \|b\|^2)/\|v\|^2$ to it, and
#
# $$\mathrm{KL}(\alpha v \,\|\, \alpha v') = \tfrac12\, \alpha^2 (v' - v)^\top G\, (v' - v).$$
#
# For a vector of your own: `identifiability notebooks audit_your_own_vector --set vector=FILE`
# (safetensors, GGUF, npy, pt or JSON), or on the command line `identifiability audit FILE`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from llm_validation import (
    Continuation,
    SteeringVector,
    contrastive_states,
    encode,
    load_model,
    load_prompts,
    load_trait,
    read_vector,
    steer,
    vector_of,
)
from llm_validation.audit import audit

plt.style.use("identifiability.reporting.style")

# %% tags=["parameters"] reduced={"prompts":8,"pairs":8,"layer":20,"scored":False,"workers":1}
seed = 0
model = "smollm2-135m"
layer = 15  # after block 15, counted from 0
vector = ""  # a file; if none, a vector is extracted for the trait
trait = "formality"
pairs = 52  # of contrastive prompts, at most
scored = True  # whether the trait's score of the witness is compared with that of v
prompts = 32  # half of them choose the class and the witness, half measure
epsilon = 0.01  # nats
alpha = 1.0
workers = 2  # local processes

# %% [markdown]
# ## The vector
#
# Either read from a file or extracted here: the mean difference between states with the trait and
# without. A second recipe, the first principal component of the same differences, is to be compared
# with it.

# %%
lm = load_model(model)
sides = contrastive_states(lm, load_trait(trait).pairs[:pairs], [layer])
positive, negative = (states[:, 0] for states in sides)  # (pairs, d)
difference = vector_of(positive, negative)
v = SteeringVector(difference, layer, method="mean", trait=trait if scored else None)
if vector:
    v = read_vector(vector, layer=layer, model=lm)
other = SteeringVector(vector_of(positive, negative, "pca"), layer)
print(f"{lm.name}, after block {v.layer}: ‖v‖ = {v.norm:.2f}")

# %% [markdown]
# ## The answer on one screen

# %%
texts = [str(text) for text in np.random.default_rng(seed).permutation(load_prompts())]
found = audit(
    v,
    lm,
    prompts=texts[:prompts],
    count=prompts,
    alpha=alpha,
    epsilon=epsilon,
    compare=[other],
    seed=seed,
    workers=workers,
)
print(found)

# %% [markdown]
# ## Read it: the class
#
# On the left the eigenvalues of $G$. Those below the line are invisible at the length of $\alpha
# v$. On the right where the energy of $v$ lies: its share among the most visible directions, beside
# that of a vector with no preference.

# %% alt="Left: eigenvalues fall below the line. Right: the energy of v, by visibility."
spectrum, width = found.steered.spectrum, lm.width
cut = 2 * epsilon / found.radius**2
seen = width - found.class_size.dimension
energy = np.cumsum((spectrum.eigenvectors.T @ v.vector) ** 2) / v.norm**2
fig, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.6), sharex=True)
index = np.arange(1, width + 1)
left.semilogy(index, spectrum.eigenvalues)
left.axhline(cut, color="C1", ls="--", label="2ε/R²")
left.axhline(spectrum.noise_floor, color="0.5", ls=":", label="rounding")
left.set(ylabel="eigenvalue of G (nats / unit²)", title="What the output tells")
left.legend(loc="upper right")
right.plot(index, energy, label="v")
right.plot(index, index / width, color="0.5", ls=":", label="no preference")
right.set(ylabel="share of the energy so far", ylim=(0, 1.02), title="Where the vector lies")
right.legend(loc="lower right")
for ax in (left, right):
    ax.axvspan(seen, width, color="C1", alpha=0.1)
    ax.set(xlabel="eigen-direction, most visible first", xlim=(1, width))
plt.show()
print(f"{found.class_size.dimension} of {width} directions are invisible (shaded)")
assert seen == np.sum(spectrum.eigenvalues > cut)
assert np.isclose(1 - energy[seen - 1], found.energy_below_epsilon)

# %% [markdown]
# ## Read it: the witness
#
# The witness was chosen on one half of the prompts and measured on the other. Do not take the
# audit's word. Here are prompts that it has not seen, and the whole model steered with a hook,
# first by $v$ and then by $v'$; beside it the audit's own way to a divergence, as a function of one
# state. The two ways have to agree. With the audit's number they agree only as far as one sample of
# prompts agrees with another: how far that is, the audit says beforehand, in the interval that it
# predicts.


# %%
def steered_log_probabilities(ids, direction):
    with steer(lm, direction, v.layer, alpha, positions="last"), torch.no_grad():
        logits = lm.model(torch.tensor([ids])).logits[0, -1]
    return torch.log_softmax(logits.double(), -1)


witness = found.witness
assert witness is not None, "every direction is visible: v is pinned down, and this lesson is over"
half = len(witness.divergences)
by_hook, by_function = [], []
for text in texts[prompts : prompts + half]:
    ids = encode(lm, text)
    one, two = (steered_log_probabilities(ids, w) for w in (v.vector, witness.vector))
    by_hook.append(float((one.exp() * (one - two)).sum()))
    F = Continuation(lm, ids, v.layer)
    base = F.state + torch.tensor(alpha * v.vector, dtype=F.state.dtype)
    by_function.append(float(F.kl(alpha * (witness.vector - v.vector), base)))
print(f"cosine of v and v': {witness.cosine:+.3f}, norms {v.norm:.4g}", end=" and ")
print(f"{np.linalg.norm(witness.vector):.4g}")
print(f"KL of v' from v on {half} new prompts: hook {np.mean(by_hook):.2e} nats", end=", ")
print(f"function {np.mean(by_function):.2e}")
predicted = f"[{witness.predicted_low:.1e}, {witness.predicted_high:.1e}]"
print(f"the audit on prompts of its own: {witness.measured.estimate:.2e}, predicted {predicted}")
cosine = v.vector @ witness.vector / (v.norm * np.linalg.norm(witness.vector))
assert np.isclose(cosine, witness.cosine)
# The hook sums p log(p/q) over 49,152 words in one way and F.kl in another; the logits, of order
# ten, are known to 1e-5 in float32, and a divergence of 1e-3 with them to a few per cent.
assert np.isclose(np.mean(by_hook), np.mean(by_function), rtol=0.1)

# %% alt="Divergence of each measuring prompt against its prediction, around the diagonal."
fig, ax = plt.subplots(figsize=(5.4, 4.2))
ax.loglog(witness.second_order, witness.divergences, "o", label="the audit's held-out prompts")
ends = np.array([witness.second_order.min() / 2, witness.second_order.max() * 2])
ax.loglog(ends, ends, "k--", lw=1, label="second order")
ax.fill_between(ends, ends / 2, 2 * ends, color="0.92", zorder=0, label="factor of 2")
ax.axhline(epsilon, color="C1", ls=":", label="ε")
ax.axhline(np.mean(by_hook), color="C2", lw=1, label="mean on new prompts, hook")
ax.set(xlabel="KL to second order, by prompt (nats)", ylabel="KL measured (nats)")
ticks = [t for t in (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05) if ends[0] <= t <= ends[1]]
ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
ax.xaxis.minorticks_off()
ax.legend(fontsize=7.5)
plt.show()

# %% [markdown]
# ## Read it: what one may say of the vector
#
# Only the representative $a$ is seen above $\varepsilon$ at this radius, and which part that is was
# read off the prompts that chose. What a sentence about the coordinates of $v$, its neighbours
# among other vectors, or its sparsity owes to $b$, these outputs do not bear out. Even a cosine
# between two vectors means little: the number that behaviour knows is the *behavioural* cosine
# $v^\top G w / \sqrt{v^\top G v \; w^\top G w}$.

# %%
a = found.representative
print(f"‖a‖ = {np.linalg.norm(a):.3g}, {np.linalg.norm(a) / v.norm:.0%} of ‖v‖")
assert np.isclose(a @ (v.vector - a), 0, atol=1e-9 * v.norm**2)
compared = found.comparisons[0]
print(f"v against the first principal component: cosine {compared.euclidean:+.3f}", end=", ")
print(f"behavioural {compared.behavioural:+.3f}")
for way in found.ways_out:
    held = {True: "holds", False: "fails", None: "not decided"}[way.condition_holds]
    print(f"{way.assumption:13s} {way.theorem:7s} {held:12s}", end=" ")
    print(f"leaves {way.class_dimension_after:3.0f} dimensions")

# %% [markdown]
# **To take away.** An audit is about a vector *and what is observed*: here the distribution of the
# next token after these prompts, at this strength. Other prompts, longer texts and other strengths
# are other audits (`--observe`, `--prompts`, `--alpha`). What none of them gives is a name for the
# part $b$.
