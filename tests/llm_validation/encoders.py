"""Tiny random encoders of several architectures, and the oracle that runs them whole.

The oracle shares no code with the package: a plain hook on a block found by name, the model's own
float64 with the casts of ``full_forward`` widened, pooling written out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from typing import Any

import torch
import transformers

from tests.llm_validation.devices import current, here
from tests.llm_validation.full_forward import _no_float32

WIDTH, BLOCKS, WORDS = 16, 3, 67

_BERT_LIKE = {
    "hidden_size": WIDTH,
    "intermediate_size": 24,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "vocab_size": WORDS,
    "max_position_embeddings": 20,
}

CONFIGURATIONS: dict[str, Callable[[], Any]] = {
    "bert": lambda: transformers.BertConfig(**_BERT_LIKE),
    "roberta": lambda: transformers.RobertaConfig(**_BERT_LIKE),
    "electra": lambda: transformers.ElectraConfig(**_BERT_LIKE, embedding_size=WIDTH),
    "mpnet": lambda: transformers.MPNetConfig(**_BERT_LIKE),
    "distilbert": lambda: transformers.DistilBertConfig(
        dim=WIDTH,
        hidden_dim=24,
        n_layers=BLOCKS,
        n_heads=4,
        vocab_size=WORDS,
        max_position_embeddings=20,
    ),
    # Pre-LN, rotary positions, every other window sliding and shorter than the texts of the tests.
    "modernbert": lambda: transformers.ModernBertConfig(
        **_BERT_LIKE,
        global_attn_every_n_layers=2,
        local_attention=4,
        bos_token_id=1,
        eos_token_id=2,
        cls_token_id=1,
        sep_token_id=2,
        pad_token_id=0,
    ),
}


def tiny_encoder(architecture: str, dtype: torch.dtype = torch.float64) -> Any:
    """A random encoder in eval mode, the same in every session, on the device of the test."""
    return _tiny_encoder(architecture, dtype, current())


@cache
def _tiny_encoder(architecture: str, dtype: torch.dtype, device: str) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModel.from_config(
            CONFIGURATIONS[architecture](), attn_implementation="eager"
        )
        for parameter in model.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.25)
            else:
                torch.nn.init.normal_(parameter, mean=parameter.mean().item(), std=0.1)
    return model.to(device, dtype).eval().requires_grad_(False)


def words(length: int = 9, seed: int = 5) -> torch.Tensor:
    """(1, length) random token ids, the same in every session, on the device of the test."""
    drawn = torch.randint(3, WORDS, (1, length), generator=torch.Generator().manual_seed(seed))
    return here(drawn)


def full_output(
    model: Any,
    ids: torch.Tensor,
    layer: int,
    position: int,
    state: torch.Tensor | None = None,
    normalise: bool = True,
) -> torch.Tensor:
    """(d,) the pooled output of the whole text, with the state (d,) put in place of one."""
    blocks = next(
        getattr(part, name)
        for part in (getattr(model, "encoder", None), getattr(model, "transformer", None), model)
        for name in ("layer", "layers")
        if hasattr(part, name)
    )

    def hook(_module: Any, _inputs: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        mask = torch.arange(hidden.shape[1], device=hidden.device)[:, None] == position
        hidden = hidden if state is None else torch.where(mask, state, hidden)
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    handle = blocks[layer].register_forward_hook(hook)
    try:
        with _no_float32() if model.dtype == torch.float64 else nullcontext():
            tokens = model(input_ids=ids).last_hidden_state[0]
    finally:
        handle.remove()
    mean = sum(tokens[index] for index in range(len(tokens))) / len(tokens)
    return mean / (mean @ mean).sqrt() if normalise else mean
