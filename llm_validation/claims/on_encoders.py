"""Which claims an encoder cannot be asked, and why: they are listed and never dropped in silence.

All others run on an encoder as they are (``EncoderSetting``).
"""

from __future__ import annotations

from collections.abc import Sequence

NOT_APPLICABLE = {
    "orthogonal_efficacy": "needs a next-token distribution, as effects are log-odds",
    "strength_sweep": "needs a next-token distribution, as effects are log-odds",
    "logit_distance": "needs a next-token distribution, whose logits it compares",
    "sparse_recovery": "needs a next-token distribution, as its dictionary is the unembedding",
    "layers": "is set up for language models only, as its reads of later layers rest on a prefix",
    "observation_ladder": "needs a next-token distribution, as its rungs are logits and tokens",
}
"""Reason for each claim, by name."""


def refusal(names: Sequence[str], model: str) -> str:
    """One sentence for claims of that name on an encoder; empty if all can be asked."""
    for name in names:
        if name in NOT_APPLICABLE:
            return (
                f"claim {name!r} does not apply to {model!r}, which is an encoder: it "
                f"{NOT_APPLICABLE[name]}; leave it out, or choose a language model"
            )
    return ""
