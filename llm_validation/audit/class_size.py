r"""How large the class is, and how that depends on which prompts were looked at, and how many.

n_epsilon(R) counts the eigenvalues of a *mean* of n metrics that stay below a cut. The lowest
eigenvalues of a mean of few metrics are too low (their sum is concave), so the count falls as
prompts are added, and it is two questions how large the class is:

* of a sample of n prompts, as here. Another sample of n lands inside the printed interval 19 times
  in 20. Disjoint halves of the prompts are two samples of n/2; at a variance proportional to 1/n
  their counts differ by sqrt(2) times what the counts of two samples of n differ by. (A bootstrap
  over prompts would not do: a resample of n has the information of 0.63 n different ones, and its
  counts are too high.)
* with more prompts. The count fell by some f from the halves to the whole, and the next doubling
  takes away between f/2, where counts fall as 1/n, and f, where they fall as -log n; on SmolLM2 it
  was in between (docs/audit.md). So with endless prompts at most the count less f is left, and how
  much less than that is not known.

Where so few numbers are observed of each prompt that half of the prompts have fewer equations than
d, the count falls by one an equation: nothing else follows for more prompts, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from scipy.special import stdtrit

from identifiability.errors import InvalidInput
from identifiability.spectrum import epsilon_null_counts
from llm_validation.prompt_fisher import mean_of

LEVEL = 0.95
SPLITS = 16
"""Random splits into halves: 32 eigen-decompositions. Coverage is simulated with this number
(docs/audit.md)."""
FEWEST = 4


@dataclass(frozen=True)
class ClassSize:
    """Dimension of the epsilon-class of a sample of prompts.

    Attributes
    ----------
    dimension
        Of the mean metric of these prompts.
    low, high
        Where the count of another sample of as many prompts lies, at ``level``.
    prompts
        n.
    of_half
        Mean count over samples of n/2 of these prompts.
    spread
        Standard deviation of the count between samples of n.
    width
        d.
    equations
        Numbers observed of each prompt, at most; None where there are more than d.
    """

    dimension: int
    low: int
    high: int
    prompts: int
    of_half: float
    spread: float
    width: int
    equations: int | None = None
    level: float = LEVEL

    @classmethod
    def of(
        cls,
        metrics: Sequence[np.ndarray],
        epsilon: float,
        radius: float,
        rng: np.random.Generator,
        equations: int | None = None,
    ) -> ClassSize:
        """From the (d, d) metrics of n prompts, at tolerance epsilon (nats) and radius.

        ``equations`` bounds the rank of each metric, where the observable does.

        Raises
        ------
        InvalidInput
            If there are fewer than four prompts.
        """
        count = len(metrics)
        if count < FEWEST:
            raise InvalidInput(
                f"an interval over prompts needs at least {FEWEST} of them in the half that "
                f"chooses, got {count}; give more prompts"
            )
        dimension = null_dimension(mean_of(metrics), epsilon, radius)
        halves = []
        for _ in range(SPLITS):
            order = rng.permutation(count)
            half = count // 2
            parts = order[:half], order[half : 2 * half]
            halves.append(
                [null_dimension(mean_of([metrics[i] for i in p]), epsilon, radius) for p in parts]
            )
        counts = np.array(halves, dtype=np.float64)  # (splits, 2)
        apart = float(np.sqrt(np.mean((counts[:, 0] - counts[:, 1]) ** 2)))
        # Var(D_a - D_b) is 2 s² at n/2 prompts, which is 2 s² n / (n/2) of the s² at n.
        spread = apart * np.sqrt((count // 2) / (2 * count))
        reach = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * np.sqrt(2) * spread
        width = len(metrics[0])
        return cls(
            dimension=dimension,
            low=max(0, floor(dimension - reach)),
            high=min(width, ceil(dimension + reach)),
            prompts=count,
            of_half=float(counts.mean()),
            spread=spread,
            width=width,
            equations=equations,
        )

    @property
    def endless(self) -> float | None:
        """The most that endless prompts leave, an upper end at (1 + ``level``)/2; None if unknown.

        The count less what the halves had more, which is what a fall as 1/n would leave.
        """
        if not self._shows_a_fall:
            return None
        most = self.dimension - self._fell + self._sampling * np.sqrt(2)
        return float(np.clip(most, 0, self.width))

    @property
    def doubled(self) -> tuple[float, float, float] | None:
        """The count expected of 2n prompts with its interval at ``level``; None if unknown.

        Halfway between the two laws; the interval reaches from the one to the other, and beyond
        each by the spread between samples, which going on raises.
        """
        if not self._shows_a_fall:
            return None
        slow, fast = self.dimension - self._fell / 2, self.dimension - self._fell
        ends = [
            min(slow, fast) - self._sampling * np.sqrt(2),
            max(slow, fast) + self._sampling * np.sqrt(1.25),
        ]
        low, high = np.clip(ends, 0, self.width)
        return float(np.clip((slow + fast) / 2, 0, self.width)), float(low), float(high)

    @property
    def _fell(self) -> float:
        return self.of_half - self.dimension

    @property
    def _sampling(self) -> float:
        return float(stdtrit(self.prompts - 1, (1 + self.level) / 2)) * self.spread

    @property
    def _shows_a_fall(self) -> bool:
        return self.equations is None or self.equations * (self.prompts // 2) >= self.width


def null_dimension(metric: np.ndarray, epsilon: float, radius: float) -> int:
    """n_epsilon(R): eigenvalues of a metric with half of lambda R² at most epsilon (N7)."""
    return int(epsilon_null_counts(np.linalg.eigvalsh(metric), epsilon, radius))
