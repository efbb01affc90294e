# %% [markdown]
# # What behaviour cannot see: a null space by hand
#
# A steering vector $v$ is added to a state $h$ of a network, and we watch what comes out. Suppose
# that what comes out is affine in the state, $F(h) = Jh + c$. Which other vectors would have done
# exactly the same?
#
# **Statement (N1).** The vectors with the same outputs as $v$, at every strength, are exactly
# $v + \ker J$. Write $v = a + b$ with $a$ in the row space of $J$ and $b$ in its kernel. Then
# $a$ is all that behaviour says about $v$.

# %%
import matplotlib.pyplot as plt
import numpy as np

from identifiability import EquivalenceClass, exact_rank

plt.style.use("identifiability.reporting.style")

# %% tags=["parameters"]
seed = 0
strength = 1.0

# %% [markdown]
# Take a state of three coordinates, of which two outputs can be observed.

# %%
J = np.array([[1, 0, 1], [0, 1, 1]])  # (m, d) = (2, 3)
v = np.array([2.0, 1.0, 0.0])
seen = EquivalenceClass(J, v, affine=True)
print(seen.report)
print("rank over the rationals:", int(exact_rank(J)))

# %% [markdown]
# The kernel can be read off by hand: $J n = 0$ for $n = (1, 1, -1)$, up to a factor. Check that
# the basis the package found is that direction, and split $v$.

# %%
n = np.array([1, 1, -1]) / np.sqrt(3)
assert np.allclose(J @ n, 0)
assert np.isclose(abs(n @ seen.basis[:, 0]), 1)
a, b = seen.representative, seen.invisible_part
print("seen part     a =", a.round(3))
print("invisible part b =", b.round(3))
assert np.allclose(a + b, v) and np.isclose(a @ b, 0)

# %% [markdown]
# **A witness.** Behaviour allows every $a + t\,n$. Of those as long as $v$, the one that points
# away from $v$ the most is $a - b$, at cosine $(\|a\|^2 - \|b\|^2)/\|v\|^2$. Its outputs are those
# of $v$ at any strength.

# %%
witness = seen.witness()
rng = np.random.default_rng(seed)
h, c = rng.standard_normal(3), rng.standard_normal(2)
for alpha in (strength, -3.0, 100.0):
    same = J @ (h + alpha * v) + c
    other = J @ (h + alpha * witness.vector) + c
    print(f"strength {alpha:6.1f}: largest difference {np.abs(same - other).max():.1e}")
    assert np.allclose(same, other)
print(f"cosine between v and the witness: {witness.cosine:+.3f}")

# %% [markdown]
# **How far can it go?** Along the line $a + t\,n$ the cosine to $v$ sinks towards
# $-\|b\|/\|v\|$ and never reaches it: a null space makes the class unbounded in length, not in
# angle.

# %% alt="The cosine to v along the class sinks towards its infimum and never reaches it."
t = np.linspace(-12, 12, 600)
members = a[:, None] + n[:, None] * t
cosines = v @ members / (np.linalg.norm(v) * np.linalg.norm(members, axis=0))
fig, ax = plt.subplots(figsize=(6, 3.2))
ax.plot(t, cosines)
ax.axhline(seen.infimum_cosine, ls="--", color="0.5", label="infimum, not attained")
ax.plot(n @ v, 1, "o", label="v itself")
ax.plot(-(n @ v), witness.cosine, "s", label="a − b, as long as v")
ax.set(xlabel="position t on the class", ylabel="cosine to v")
ax.legend(loc="center right")
plt.show()
assert cosines.min() > seen.infimum_cosine

# %% [markdown]
# **What breaks.** The statement needs $F$ to be affine. With a product in it, the kernel of the
# Jacobian at one point is no longer invisible at finite amplitude: first-order equivalence is not
# equivalence.


# %%
def bent(h):
    return np.array([h[0] + h[0] * h[1]])


origin = np.zeros(3)
e1, e2 = np.eye(3)[0], np.eye(3)[1]
print("Jacobian at 0 applied to e2: 0; outputs for e1 and e1 + e2:", bent(e1), bent(e1 + e2))
assert bent(e1)[0] != bent(e1 + e2)[0]

# %% [markdown]
# **What mends it.** One more observation whose row leaves the kernel (a *repair*) and the class is
# a single point.

# %%
repaired = EquivalenceClass(np.vstack([J, [0, 0, 1]]), v, affine=True)
print(repaired.report)
assert repaired.dimension == 0
