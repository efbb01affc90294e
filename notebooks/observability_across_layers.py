# %% [markdown]
# # Observability across layers: it is new reads that help
#
# A vector is added at layer 0 and carried upwards. At each layer a probe reads a few numbers. A
# control engineer knows the question: can the initial state of a system be told from its outputs?
#
# **Statement (R4).** Let $\Phi_{0 \to k}$ map the state of layer 0, *at all positions*, to that of
# layer $k$, and let $C_k$ be read there. The class of $v$ is $v + \ker O$ with
#
# $$O = \begin{pmatrix} C_0 \\ C_1 \Phi_{0 \to 1} \\ \vdots \\ C_K \Phi_{0 \to K} \end{pmatrix},$$
#
# so that $v$ is identified if and only if $O$ has rank $d$. Reading further layers never enlarges
# the class. What one map loses, no later read finds again.

# %%
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np

from identifiability import exact_rank
from identifiability.disjoint_paths import edges
from identifiability.metrics import principal_angles
from identifiability.recovery import CrossLayerRecovery
from toy_models import LayeredStack, SparseLayers, SteeredLayers

plt.style.use("identifiability.reporting.style")

# %% tags=["parameters"] reduced={"draws": 5}
seed = 0
draws = 40  # noisy responses for each number of layers

# %% [markdown]
# ## By hand
#
# Four coordinates, of which only the first is ever read. Each layer moves every coordinate one
# down. Then layer $k$ shows coordinate $k$, and after three maps all of $v$ has passed the window.

# %%
shift, window = np.eye(4, k=1), np.eye(4)[:1]
v = np.array([2.0, -1.0, 0.5, 3.0])
passing = [window @ np.linalg.matrix_power(shift, k) @ v for k in range(4)]
fitted = CrossLayerRecovery(affine=True).fit([shift] * 3, [window] * 4, passing)
print("read at layers 0 to 3:", np.concatenate(passing))
print("dimension of the class after each:", fitted.dimension_path_)
assert np.array_equal(fitted.dimension_path_, [3, 2, 1, 0])
assert np.allclose(fitted.vector_, v)

# %% [markdown]
# ## Four stacks
#
# Width 8, two reads at each of eight layers: 16 numbers for 8 unknowns.
#
# 1. *General position.* Each layer adds two dimensions until all are seen.
# 2. *A hidden invariant subspace*: $\Phi_k n = n$ and $C_k n = 0$ for all $k$. It is carried along
# for ever and never read.
# 3. *A lossy first map* of rank 4, and no read before it. What it drops is gone.
# 4. *Identity maps with one and the same read*: the same two numbers eight times.

# %%
models = {
    "general position": LayeredStack(layers=7),
    "hidden subspace": LayeredStack(layers=7, hidden=2),
    "lossy first map": LayeredStack(layers=7, rank=4, first_read=1),
    "same read of the same state": LayeredStack(layers=7, maps="identity", same_read=True),
}
toys = {name: model.sample(seed) for name, model in models.items()}
fits = {
    name: CrossLayerRecovery(affine=True).fit(toy.transports, toy.reads, toy.responses())
    for name, toy in toys.items()
}
for name, fitted in fits.items():
    print(f"{name:28s} class {fitted.dimension_path_}, of which lost {fitted.lost_.shape[1]}")
    for condition in fitted.conditions_:
        if condition.name == "further layers can help":
            word = "nobody knows" if condition.holds is None else "no"
            print(f"{'':28s} can further layers help? {word}: {condition.reason}")

# %% [markdown]
# *Lost* is what no read of any later layer can see. For the lossy map that is all of the class; the
# hidden subspace is not lost, and whether a read to come sees it nobody knows. For one map repeated
# with one read the theorem of Cayley and Hamilton decides: after a layer that adds nothing, none
# does.
#
# Checked against what the toys were built with, and by the layers themselves: adding a direction of
# the class to $v$ and running the stack again gives the same reads everywhere.

# %%
for name, fitted in fits.items():
    toy, path = toys[name], fitted.dimension_path_
    assert np.all(np.diff(path) <= 0) and path[-1] == models[name].lost
    hidden = toy.kernel @ (toy.kernel.T @ toy.vector)
    assert np.allclose(fitted.vector_, toy.vector - hidden)
    if path[-1]:
        assert principal_angles(fitted.kernel_, toy.kernel).worst < 1e-6
        other = toy.responses(toy.vector + 10 * toy.kernel.sum(axis=1))
        for before, after in zip(toy.responses(), other, strict=True):
            assert before is after is None or np.allclose(before, after)
assert [fits[name].lost_.shape[1] for name in models] == [0, 0, 4, 0]

# %% alt="General position reaches 0 after four layers; the others stop at 2, 4 and 6."
fig, ax = plt.subplots(figsize=(7.6, 3.6))
for (name, fitted), marker in zip(fits.items(), "osD^", strict=True):
    ax.plot(fitted.dimension_path_, marker + "-", label=name)
ax.set(xlabel="last layer read", ylabel="dimension of the class", yticks=range(0, 9, 2))
ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()

# %% [markdown]
# **What mends it.** Reading layer 0 too, before the lossy map, gives back two of its four lost
# dimensions; a read sees what is there when it looks.

# %%
earlier = LayeredStack(layers=7, rank=4, first_read=0).sample(seed)
mended = CrossLayerRecovery(affine=True).fit(earlier.transports, earlier.reads, earlier.responses())
print("class with a read before the loss:", mended.dimension_path_)
assert mended.dimension_path_[-1] == 2

# %% [markdown]
# ## Consistency is not a read
#
# "The vectors at different layers must agree, $v_{k+1} = \Phi_k v_k$; that consistency identifies
# them." Steer at layer $k$ with $v_k$ and watch the final outputs only, $J_k v_k$. But $J_k v_k =
# J_k \Phi_{0 \to k} v = J_0 v$: the same numbers at every layer. Consistency adds no rank. Adding
# the *same* $v$ at several layers, one layer at a time, does: the class is $v + \bigcap_k \ker
# J_k$. Added at all of them at once it is $v + \ker \sum_k J_k$, with no more rows than one layer.

# %%
for vectors in ("transported", "same"):
    model = SteeredLayers(vectors=vectors)
    toy = model.sample(seed)
    fitted = CrossLayerRecovery(affine=True).fit(toy.transports, toy.reads, toy.responses())
    spread = np.ptp(toy.responses(), axis=0).max()
    print(f"{vectors:12s} class {fitted.dimension_path_}, responses differ by {spread:.0e}")
    assert fitted.dimension_path_[-1] == model.lost
    assert (spread < 1e-12) == (vectors == "transported")

# %% [markdown]
# ## Counting without numbers: disjoint paths
#
# Often one knows only *which* entries of the layers are zero. **Statement.** If the others are
# independent of each other, the rank of $O$ is, for almost all their values, the largest number of
# paths from coordinates of layer 0 to reads that share no vertex (Lindström; Gessel and Viennot).
# That is a maximum flow.
#
# The package computes the flow. Here `networkx` finds the paths themselves, in the graph drawn
# below, and integer arithmetic gives the rank for one choice of entries. All three agree.

# %%
model = SparseLayers(pattern="random", outputs=2, layers=3, pattern_seed=1)
toy = model.sample(seed)
fitted = CrossLayerRecovery(affine=True).fit(toy.transports, toy.reads, toy.responses())
maps, seen = model.patterns()
graph = nx.DiGraph(edges(maps, seen))
graph.add_edges_from(("below", ("state", 0, i)) for i in range(model.width))
graph.add_edges_from((n, "above") for n in list(graph) if n[0] == "read")
paths = [path[1:-1] for path in nx.node_disjoint_paths(graph, "below", "above")]

integers = [np.rint(4096 * m).astype(int).astype(object) for m in toy.transports]
carried, rows = np.eye(model.width, dtype=int).astype(object), []
for transport, read in zip(integers, toy.reads[1:], strict=True):
    carried = transport @ carried
    rows += (np.rint(4096 * read).astype(int).astype(object) @ carried).tolist()
print(f"disjoint paths {len(paths)}, flow {fitted.disjoint_paths_}, rank {int(exact_rank(rows))}")
assert len(paths) == fitted.disjoint_paths_ == int(exact_rank(rows))
assert fitted.dimension_path_[-1] == model.width - len(paths)

# %% alt="Layers as columns of points; the disjoint paths in colour from layer 0 to reads."
fig, ax = plt.subplots(figsize=(6.8, 3.8))


def spot(vertex):
    kind, layer, index = vertex
    return (layer, -index) if kind == "state" else (layer + 0.42, 0.75 - 0.5 * index)


for start, end in edges(maps, seen):
    ax.plot(*zip(spot(start), spot(end), strict=True), color="0.85", lw=0.8, zorder=1)
for number, path in enumerate(paths):
    ax.plot(*zip(*map(spot, path), strict=True), color=f"C{number}", lw=2.5, zorder=2)
for kind, marker in (("state", "o"), ("read", "s")):
    found = [spot(n) for n in graph if n[0] == kind]
    ax.plot(*zip(*found, strict=True), marker, color="0.25", ms=6, zorder=3, label=f"{kind}s")
ax.set(xlabel="layer", xticks=range(4), yticks=[], ylabel="coordinates")
ax.grid(False)
ax.legend(loc="lower right", ncols=2, bbox_to_anchor=(1.0, 1.0))
plt.show()

# %% [markdown]
# **Where the count misleads.** It is about entries that do not depend on each other. For identity
# maps with the same read eight times it promises full rank; the rank is 2. The flow is an upper
# bound always and the rank only generically.

# %%
repeated = fits["same read of the same state"]
print(f"flow {repeated.disjoint_paths_}, rank {8 - repeated.dimension_path_[-1]}")
assert repeated.disjoint_paths_ == 8 and repeated.dimension_path_[-1] == 6

# %% [markdown]
# ## Observable, but how well?
#
# Rank $d$ says that $v$ comes back from exact reads. An error of norm $\delta$ in the reads moves
# the estimate by at most $\delta / \sigma_{\min}(O)$. The layer at which the rank is complete is
# where that number is worst. A read after it adds no rank, and never hurts.

# %%
delta = 1e-3
rng = np.random.default_rng(seed)
bounds, errors = [], []
toy = LayeredStack(layers=19, outputs=1, maps="residual").sample(seed)
exact = toy.responses()
blocks, carried = [toy.reads[0]], np.eye(toy.width)
for transport, read in zip(toy.transports, toy.reads[1:], strict=True):
    carried = transport @ carried
    blocks.append(read @ carried)
layers_read = np.arange(8, 21)
for count in layers_read:
    bounds.append(delta / np.linalg.svd(np.vstack(blocks[:count]), compute_uv=False)[-1])
    found = []
    for _ in range(draws):
        noise = rng.standard_normal((count, 1))
        noise *= delta / np.linalg.norm(noise)
        noisy = [r + e for r, e in zip(exact[:count], noise, strict=True)]
        recovery = CrossLayerRecovery(affine=True, response_error=delta)
        fitted = recovery.fit(toy.transports[: count - 1], toy.reads[:count], noisy)
        found.append(np.linalg.norm(fitted.vector_ - toy.vector))
    errors.append(found)
assert np.all(np.diff(bounds) <= 1e-9 * bounds[0])  # a row more never lowers a singular value
assert np.all(np.max(errors, axis=1) <= np.array(bounds) * (1 + 1e-6))

# %% alt="The error falls as layers are added beyond the eighth, always below the bound."
fig, ax = plt.subplots(figsize=(6.4, 3.6))
ax.semilogy(layers_read, bounds, "k--", label="bound δ/σ_min(O)")
ax.semilogy(layers_read, errors, ".", color="C0", alpha=0.5)
ax.semilogy(layers_read, np.median(errors, axis=1), "o-", label="error measured, median")
ax.axhline(delta, color="0.6", lw=1, ls=":", label="δ, the error of the reads")
ax.set(xlabel="layers read (rank 8 from the eighth on)", ylabel="error of the recovered vector")
ax.legend()
plt.show()

# %% [markdown]
# **To take away.** Ask of a claim of cross-layer identifiability: what is *read* at the further
# layers, and does it see what the maps have kept? Agreement between layers, imposed on what is seen
# at the end anyway, is not an observation.
