r"""A language with one latent bit: most meanings have two forms, and a sequence keeps to one set.

Meanings follow a Markov chain. A *paired* meaning has a form in register A and one in register B, a
*neutral* one has a single form. The register r of a sequence is a fair coin, shown by nothing but
the forms, and each paired word slips into the other register with probability ``slip``. So the best
prediction is known in closed form: after reading words whose forms count to n_A and n_B,

.. math:: \log \frac{P(r = A)}{P(r = B)} = (n_A - n_B) \log \frac{1 - s}{s}

and the next word's meaning does not depend on the register. What a model trained on the language
ought to do, and at what loss (nats), is compared with that, never with another model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from toy_models.planted import require

START = 0  # the token that opens every sequence


@dataclass(frozen=True, eq=False)
class Sequences:
    """Tokens (n, T), of which the first is ``START``, and the register (n,) of each: 1 A, -1 B."""

    tokens: np.ndarray
    registers: np.ndarray


@dataclass(frozen=True)
class RegisterGrammar:
    """The language, with its exact posterior and predictive distribution.

    Tokens are ``START``, then the A forms of all paired meanings, their B forms in the same order,
    and the neutral words.

    Parameters
    ----------
    paired, neutral
        Number of meanings with two forms and with one.
    slip
        Probability that a paired word has the form of the other register, in (0, 1/2).
    seed
        Of the Markov chain, which is part of the language.

    Examples
    --------
    >>> grammar = RegisterGrammar()
    >>> sequences = grammar.sample(np.random.default_rng(0), count=4, length=16)
    >>> sequences.tokens.shape, grammar.vocabulary
    ((4, 16), 33)
    >>> grammar.predictive(sequences.tokens).sum(axis=-1).round(12).min()
    np.float64(1.0)
    """

    paired: int = 12
    neutral: int = 8
    slip: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        require(
            self.paired >= 1 and self.neutral >= 0 and 0 < self.slip < 0.5,
            "a register needs at least one paired meaning, no fewer than 0 neutral ones and a slip "
            f"in (0, 1/2), got {self.paired}, {self.neutral} and {self.slip}",
        )

    @property
    def meanings(self) -> int:
        """K, paired meanings first."""
        return self.paired + self.neutral

    @property
    def vocabulary(self) -> int:
        """V."""
        return 1 + 2 * self.paired + self.neutral

    @cached_property
    def transition(self) -> np.ndarray:
        """(K, K) probabilities of the next meaning, none of them zero; a few share most of it."""
        rng = np.random.default_rng(self.seed)
        likely = rng.dirichlet(np.full(self.meanings, 0.3), size=self.meanings)
        return 0.9 * likely + 0.1 / self.meanings

    @cached_property
    def register_of(self) -> np.ndarray:
        """(V,) 1 for A forms, -1 for B forms, 0 otherwise."""
        forms = np.repeat([1, -1], self.paired)
        return np.concatenate([[0], forms, np.zeros(self.neutral, dtype=int)])

    @cached_property
    def meaning_of(self) -> np.ndarray:
        """(V,) index of a token's meaning; -1 for ``START``."""
        paired = np.arange(self.paired)
        return np.concatenate([[-1], paired, paired, np.arange(self.paired, self.meanings)])

    @property
    def functional(self) -> np.ndarray:
        """(V,) w, so that w @ logits is the log-odds of A against B, averaged over meanings."""
        return self.register_of / self.paired

    def sample(self, rng: np.random.Generator, *, count: int, length: int) -> Sequences:
        """Draw ``count`` sequences of ``length`` tokens, ``START`` included."""
        registers = rng.choice([1, -1], size=count)
        meanings = self.sample_meanings(rng, count=count, words=length - 1)
        slips = rng.random(meanings.shape) < self.slip
        forms = np.where(slips, -1, 1) * registers[:, None]
        return Sequences(self.spell(meanings, forms), registers)

    def sample_meanings(self, rng: np.random.Generator, *, count: int, words: int) -> np.ndarray:
        """(count, words) meanings; the first is uniform, so that START says nothing."""
        require(words >= 1, f"a sequence needs a word after START, got {words}; ask for more")
        chain = np.empty((count, words), dtype=int)
        chain[:, 0] = rng.integers(self.meanings, size=count)
        cumulative = np.cumsum(self.transition, axis=1)
        for t in range(1, words):
            passed = cumulative[chain[:, t - 1]] < rng.random((count, 1))
            # Rounding can leave the last cumulative probability below 1.
            chain[:, t] = np.minimum(passed.sum(axis=1), self.meanings - 1)
        return chain

    def spell(self, meanings: np.ndarray, forms: np.ndarray | int) -> np.ndarray:
        """(n, T) tokens of meanings (n, T - 1) in the registers 1 or -1 of ``forms``."""
        shifted = np.where(np.asarray(forms) == 1, 0, self.paired)
        words = 1 + meanings + np.where(meanings < self.paired, shifted, self.paired)
        return np.hstack([np.full((len(words), 1), START), words])

    def log_odds(self, tokens: np.ndarray) -> np.ndarray:
        """(n, T) exact log-odds (nats) of register A against B after reading each token."""
        evidence = np.log((1 - self.slip) / self.slip)
        return evidence * np.cumsum(self.register_of[tokens], axis=1)

    def predictive(self, tokens: np.ndarray) -> np.ndarray:
        """(n, T, V) exact probabilities of the token after each token."""
        next_meaning = np.vstack([self.transition, np.full(self.meanings, 1 / self.meanings)])
        by_meaning = next_meaning[self.meaning_of[tokens]]  # START is -1: the last row
        belief = 1 / (1 + np.exp(-self.log_odds(tokens)))[..., None]
        form_a = belief * (1 - self.slip) + (1 - belief) * self.slip
        words = np.where(self.register_of == 1, form_a, 1 - form_a)
        words = np.where(self.register_of == 0, 1.0, words)
        return np.where(self.meaning_of < 0, 0.0, words * by_meaning[..., self.meaning_of])
