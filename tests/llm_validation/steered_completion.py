"""The oracle of completions under steering: the whole text through the model, steered by a mask."""

from __future__ import annotations

import torch

from llm_validation.hooks import steer


def by_full_forward(model, prompt_ids, completion, displacement, layer, first) -> float:
    """Sum of log p over the completion, the displacement at every position from ``first`` on."""
    ids = torch.tensor([[*prompt_ids, *completion]])
    mask = torch.arange(ids.shape[1])[None] >= first
    with steer(model, displacement, layer, 1.0, mask), torch.no_grad():
        logits = model.model(input_ids=ids, use_cache=False).logits[0]
    log_p = torch.log_softmax(logits, -1)
    start = len(prompt_ids) - 1
    return float(sum(log_p[start + t, token] for t, token in enumerate(completion)))
