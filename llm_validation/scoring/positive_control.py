"""Log-odds are validated by telling the model outright what to be.

Labelled texts cannot validate a score that belongs to the model and not to a text. A model that is
instructed to show the trait has to find the positive completions likelier than one instructed to
show the opposite; where it does not, this score would not see a steering vector either.
"""

from __future__ import annotations

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.dataset import Trait
from llm_validation.measurements.completion_log_likelihoods import measure
from llm_validation.models import LanguageModel
from llm_validation.scoring.log_odds import LogOdds, settings
from llm_validation.scoring.validity import Validity, held_out_completions


def log_odds_validity(model: LanguageModel, trait: Trait) -> Validity:
    """Log-odds of held-out completions under the positive instruction against the negative one.

    Both scores of a pair are of the same two completions, after the same prompt; only the
    instruction before it differs.

    Raises
    ------
    InvalidInput
        If the trait has no instructions, or fewer than two pairs held out.
    """
    return Validity.of(*instructed_log_odds(model, trait))


def instructed_log_odds(model: LanguageModel, trait: Trait) -> tuple[np.ndarray, np.ndarray]:
    """(n,) log-odds per token of the held-out pairs, under either instruction of the trait.

    Raises
    ------
    InvalidInput
        As ``log_odds_validity``.
    """
    if trait.instructions is None:
        raise InvalidInput(
            f"trait {trait.name!r} must have instructions, one for each side, to validate the "
            'log-odds of completions; add "instructions" to its file'
        )
    pairs = held_out_completions(trait)
    unsteered = np.zeros((1, model.width))
    scores = [
        [
            LogOdds.of(
                measure(
                    model,
                    **settings(model, pair, instruction=instruction),
                    layer=-1,  # where nothing is added any layer is the same, the last the least
                    displacements=unsteered,
                )
            ).per_token[0]
            for pair in pairs
        ]
        for instruction in (trait.instructions.positive, trait.instructions.negative)
    ]
    return np.array(scores[0]), np.array(scores[1])
