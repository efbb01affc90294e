r"""Superposition: a vector made of few of more features than there are dimensions (theory.md R2).

v = D z with ||z||_0 = k and D (d, K), K > d, is seen through J (M, d). The columns of JD are what
the decoder works with, so they are drawn first, as a frame F (M, K), and lifted: with orthonormal
[Q, N] and J = Q^T, D = Q F + N H has J D = F whatever H is, and ker J = col(N) exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from toy_models.planted import orthonormal, require

Frame = Literal["random", "simplex", "hadamard"]
Code = Literal["random", "two_codes", "one_vector", "cheaper_rival", "face", "decoy", "hidden_atom"]


@dataclass(frozen=True, eq=False)
class Superposed:
    """A sparse vector, how it is seen, and the truth about it."""

    jacobian: np.ndarray  # J (M, d), orthonormal rows but for repeated prompts
    dictionary: np.ndarray  # D (d, K), which the decoder is given
    code: np.ndarray  # z (K,); in the rotated basis if that is where v is sparse
    vector: np.ndarray  # v (d,)
    response: np.ndarray  # J v + noise (M,)
    rival: np.ndarray | None  # another code of the same response, if one was planted
    kernel: np.ndarray  # (d, q) of J, exact by construction
    prompts: np.ndarray  # (M,) labels: rows of one prompt share one


@dataclass(frozen=True)
class Superposition:
    """A k-sparse vector in a known dictionary, seen through few rows.

    Parameters
    ----------
    width, features, measurements, sparsity
        d, K, M (distinct rows) and k.
    frame
        Columns of JD, up to length: ``random``; ``simplex`` (equiangular, K = M + 1, mu = 1/M);
        ``hadamard`` (spikes and Hadamard columns, K = 2M, mu = M^(-1/2)).
    code
        ``random``; ``two_codes``: half of a kernel vector of JD with 2k entries, its other half
        being the ``rival`` of smaller l1 norm; ``one_vector``: the same in the *dictionary*, so
        that one vector has two codes; ``cheaper_rival`` (k = 2): the rival has three entries and at
        most half of the l1 norm; ``face``: on a face of the polytope that is the image of the l1
        ball, which l1 always finds; ``decoy`` (k = 2): two orthogonal atoms, and a third one nearer
        to their sum than either; ``hidden_atom``: an atom in ker J takes part.
    rotated
        Whether v is sparse in a randomly rotated dictionary and not in the one given (N6d).
    spread
        Atoms get lengths from 1 to this factor, by a random power (1: all of length 1).
    short
        Atom 0 of JD is this many times shorter than the others, in a simplex; 1 for none. A code
        on it alone is then dear for an l1 norm that does not weigh columns.
    repeats
        How often each row is seen again, as from a prompt used twice.
    noise
        Norm of the noise relative to that of the response.
    """

    width: int = 10
    features: int = 14
    measurements: int = 8
    sparsity: int = 2
    frame: Frame = "random"
    code: Code = "random"
    rotated: bool = False
    spread: float = 1.0
    short: float = 1.0
    repeats: int = 1
    noise: float = 0.0

    def sample(self, seed: int) -> Superposed:
        """Draw frame, dictionary and code."""
        self._check()
        rng = np.random.default_rng(seed)
        basis = orthonormal(rng, self.width, self.width)
        rows, kernel = basis[:, : self.measurements].T, basis[:, self.measurements :]
        frame = self._frame(rng)
        hidden = rng.standard_normal((kernel.shape[1], self.features))
        # From here to the lift, codes are in the scale of `frame`.
        code, rival = self._codes(frame, hidden, rng)
        frame[:, 0] /= self.short
        atoms = rows.T @ frame + kernel @ hidden
        lengths = np.ones(self.features)
        if self.short == 1:
            wanted = self.spread ** rng.uniform(0, 1, self.features)
            lengths = wanted / np.linalg.norm(atoms, axis=0)
        dictionary = atoms * lengths
        code, rival = code / lengths, None if rival is None else rival / lengths
        turn = orthonormal(rng, self.width, self.width) if self.rotated else np.eye(self.width)
        vector = turn @ dictionary @ code
        response = np.tile(rows @ vector, self.repeats)
        noise = rng.standard_normal(response.size)
        noise *= self.noise * np.linalg.norm(response) / np.linalg.norm(noise)
        return Superposed(
            jacobian=np.tile(rows, (self.repeats, 1)),
            dictionary=dictionary,
            code=code,
            vector=vector,
            response=response + noise,
            rival=rival,
            kernel=kernel,
            prompts=np.tile(np.arange(self.measurements), self.repeats),
        )

    def _check(self) -> None:
        d, K, M, k = self.width, self.features, self.measurements, self.sparsity
        require(1 <= M <= d, f"measurements must lie between 1 and width, got {M} for width {d}")
        require(1 <= k <= K, f"sparsity must lie between 1 and features, got {k} of {K}")
        sizes = {"random": K, "simplex": M + 1, "hadamard": 2 * M}
        require(
            self.frame in sizes and sizes[self.frame] == K,
            f"frame must be random, simplex (M + 1 features) or hadamard (2M), got {self.frame!r} "
            f"with {K} features and M = {M}",
        )
        halves = self.code in ("two_codes", "one_vector")
        require(not halves or 2 <= 2 * k <= K, f"two codes need 2k <= {K} features, got k = {k}")
        pair = self.code in ("cheaper_rival", "decoy")
        require(not pair or (k == 2 and K >= 5), f"{self.code} needs k = 2 and 5 features or more")
        alone = self.spread == 1 and self.code == "random"
        require(self.short == 1 or alone, "short goes with unit atoms and code='random' only")

    def _frame(self, rng: np.random.Generator) -> np.ndarray:
        """(M, K) of unit columns."""
        if self.frame == "random":
            columns = rng.standard_normal((self.measurements, self.features))
        elif self.frame == "hadamard":
            from scipy.linalg import hadamard

            columns = np.hstack([np.eye(self.measurements), hadamard(self.measurements)])
        else:
            corners = np.eye(self.features) - 1 / self.features
            columns = np.linalg.svd(corners)[2][: self.measurements]
        columns = orthonormal(rng, self.measurements, self.measurements) @ columns
        return columns / np.linalg.norm(columns, axis=0)

    def _codes(
        self, frame: np.ndarray, hidden: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Code and rival, in a frame (changed in place) made to have them."""
        k, order = self.sparsity, rng.permutation(self.features)
        code, rival = np.zeros(self.features), np.zeros(self.features)
        on, rest = order[:k], order[k:]
        code[on] = rng.uniform(1, 2, k) * rng.choice([-1, 1], k)
        if self.code == "random":
            if self.short != 1:
                code = np.zeros(self.features)
                code[0] = self.short
            return code, None
        if self.code == "face":
            chosen, signs = _face(frame, rng)
            picked = rng.choice(len(chosen), k, replace=False)
            code[on] = 0.0
            code[chosen[picked]] = rng.uniform(1, 2, k) * signs[picked]
            return code, None
        if self.code == "hidden_atom":
            frame[:, on[0]] = 0.0
            rival[on[1:]] = code[on[1:]]
            return code, rival
        if self.code == "decoy":
            frame[:, order[:3]] = _decoy(rng, self.measurements)
            code[on] = 1.0
            return code, None
        if self.code == "cheaper_rival":
            rival[rest[:3]] = rng.choice([-1, 1], 3) / 3
            code[on[0]] = 1.5  # so that the norms are at least 1.5 + (1.5 - 1) and at most 1
        else:
            rival[rest[:k]] = rng.uniform(1, 2, k) * rng.choice([-1, 1], k)
        last, rest_of_code = on[-1], code.copy()
        rest_of_code[last] = 0.0
        missing = frame @ (rival - rest_of_code)
        code[last] = np.linalg.norm(missing)
        frame[:, last] = missing / code[last]
        if self.code == "one_vector":
            hidden[:, last] = hidden @ (rival - rest_of_code) / code[last]
        dearer, cheaper = sorted((code, rival), key=lambda z: -np.abs(z).sum())
        return dearer, cheaper


def _face(frame: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Atoms (M,) and signs of a random facet: a vertex w of {w : |<f_j, w>| <= 1} touches M."""
    from scipy.optimize import linprog

    both = np.vstack([frame.T, -frame.T])
    aim = rng.standard_normal(len(frame))
    vertex = linprog(-aim, A_ub=both, b_ub=np.ones(len(both)), bounds=(None, None)).x
    reached = frame.T @ vertex
    touched = np.argsort(-np.abs(reached))[: len(frame)]
    return touched, np.sign(reached[touched])


def _decoy(rng: np.random.Generator, rows: int) -> np.ndarray:
    """(M, 3): two orthogonal unit vectors, and one at cosine 0.89 to their sum."""
    first, second, third = orthonormal(rng, rows, 3).T
    decoy = (first + second) / np.sqrt(2) + third / 2
    return np.column_stack([first, second, decoy / np.linalg.norm(decoy)])
