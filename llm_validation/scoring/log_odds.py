r"""Log-odds of opposite completions, the default score: deterministic, nothing is sampled.

.. math:: s(\delta) = \tfrac1{n_+}\log p_\delta(c_+ \mid x) - \tfrac1{n_-}\log p_\delta(c_- \mid x)

in nats per token, for a prompt x answered with the trait (c₊) and with its opposite (c₋), n tokens
each. The prompt is what the completions are conditioned on; its own tokens are not scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.dataset import LabelledCompletion
from llm_validation.extraction import encode
from llm_validation.models import LanguageModel
from llm_validation.unicode_text import as_text


@dataclass(frozen=True, eq=False)
class LogOdds:
    """Score of k displacements by one pair of opposite completions.

    Attributes
    ----------
    log_likelihood
        (k, 2) log p of the positive and of the negative completion, in nats.
    tokens
        (2,) their numbers of tokens.
    """

    log_likelihood: np.ndarray
    tokens: np.ndarray

    @classmethod
    def of(cls, measured: Mapping[str, Any]) -> LogOdds:
        """From what ``completion_log_likelihoods`` gives for ``settings``.

        Raises
        ------
        InvalidInput
            If there are not two completions, one of each label.
        """
        found, tokens = (np.asarray(measured[name]) for name in ("log_likelihood", "tokens"))
        if found.ndim != 2 or found.shape[1] != 2 or tokens.shape != (2,):
            raise InvalidInput(
                "log_likelihood must be (k, 2) and tokens (2,), positive first, got "
                f"{found.shape} and {tokens.shape}; measure one pair of completions at a time"
            )
        return cls(found, tokens)

    @property
    def per_token(self) -> np.ndarray:
        """(k,) difference of the means over tokens, in nats per token: the score.

        Of two completions of unequal length the longer is no less likely for its length alone.
        """
        means = self.log_likelihood / self.tokens
        return means[:, 0] - means[:, 1]

    @property
    def total(self) -> np.ndarray:
        """(k,) log p(positive) - log p(negative) of the whole completions, in nats."""
        return self.log_likelihood[:, 0] - self.log_likelihood[:, 1]


def settings(
    model: LanguageModel, completion: LabelledCompletion, *, instruction: str | None = None
) -> dict[str, Any]:
    """What ``completion_log_likelihoods.measure`` needs to know of one pair, beside the steering.

    Parameters
    ----------
    model
        Its tokenizer and chat template decide.
    completion
        The prompt, and one answer of each label.
    instruction
        Put before the prompt in the user's turn; none by default.

    Returns
    -------
    dict
        ``prompt_ids``, and ``completions``: the positive one's ids, then the negative one's.
    """
    said = completion.prompt if instruction is None else f"{instruction}\n\n{completion.prompt}"
    return {
        "prompt_ids": encode(model, said),
        "completions": [
            completion_ids(model, text) for text in (completion.positive, completion.negative)
        ],
    }


def completion_ids(model: LanguageModel, text: str) -> list[int]:
    """Token ids of a completion alone, as they follow the ids of a prompt.

    After a chat template the answer begins at its first letter; after a plain prompt, with the
    space that separates words.

    Raises
    ------
    InvalidInput
        If the text is empty, or no Unicode text.
    """
    as_text(text, "completion")
    tokenizer = model.tokenizer
    return tokenizer(text if tokenizer.chat_template else f" {text}", add_special_tokens=False)[
        "input_ids"
    ]
