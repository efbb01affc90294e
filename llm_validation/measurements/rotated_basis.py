r"""The same model in a rotated basis of its residual stream (N6d), in float64.

RMSNorm without its gain commutes with rotations, ||Q h|| = ||h||. So the gains are folded into the
matrices that read the stream, every read is turned back and every write turned: embeddings and head
come apart where they were tied. The logits are to be the same and the states Q h.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from llm_validation.divergence import kl_of
from llm_validation.hooks import read_states
from llm_validation.measurements.float64_model import in_float64
from llm_validation.models import LanguageModel
from llm_validation.precision import TrueFloat64
from llm_validation.structure import Decoder, decoder_of, norm_kind

# Norm, the matrices that read what it gives, and the one that writes the result to the stream.
_PARTS = (
    ("input_layernorm", ("q_proj", "k_proj", "v_proj"), "o_proj", "self_attn"),
    ("post_attention_layernorm", ("gate_proj", "up_proj"), "down_proj", "mlp"),
)


def unrotatable(model: LanguageModel) -> str:
    """Why the basis of the residual stream cannot be rotated here; an empty text if it can."""
    decoder = decoder_of(model)
    if norm_kind(decoder) != "rms":
        return "LayerNorm does not commute with rotations"
    for block in decoder.blocks:
        norms = {
            name for name, part in block.named_children() if "norm" in type(part).__name__.lower()
        }
        if norms != {norm for norm, *_ in _PARTS}:
            return "its blocks have other norms than one before attention and one before the MLP"
        for norm, reads, write, place in _PARTS:
            linear = [getattr(getattr(block, place, None), name, None) for name in (*reads, write)]
            if not all(isinstance(part, nn.Linear) for part in linear):
                return "its blocks do not read and write by one matrix each, as Llama's do"
            gain = getattr(block, norm).weight
            if not _is_plain(getattr(block, norm), gain):
                return "its norms do not multiply by their weights"
    final = getattr(decoder.stack, "norm", None)
    if final is None or not _is_plain(final, final.weight):
        return "it has no plain RMSNorm before the head"
    return ""


def measure(model: LanguageModel, *, prompts: list[list[int]], seed: int) -> dict[str, Any]:
    """Compare the model with itself in a random basis, on whole forward passes.

    Parameters
    ----------
    model
        From ``load_model``, one for which ``unrotatable`` is empty; a float64 copy is rotated.
    prompts
        Token ids of each.
    seed
        Of the rotation, uniform on the orthogonal group.

    Returns
    -------
    dict
        ``kl`` (n,) KL of the next token between the two, in nats; ``logits`` (n,) the largest
        difference of logits relative to the largest logit; ``states`` (n,) that of the turned
        states of the middle layer to the rotated model's own; ``moved`` (n,) that of the states
        without turning them, which shows that the rotation did something.
    """
    wide = in_float64(model)
    decoder = decoder_of(wide)
    rotation = _rotation(decoder.width, seed)
    turned = rotated(decoder, rotation)
    layer = len(decoder.blocks) // 2
    rows = []
    for ids in prompts:
        logits = _logits(wide.model, ids), _logits(turned, ids)
        states = [read_states(m, ids, layer)[-1] for m in (wide.model, turned)]
        log_p, log_q = (torch.log_softmax(each, -1) for each in logits)
        rows.append(
            [
                float(kl_of(log_p, log_q)),
                _difference(logits[1], logits[0]),
                _difference(states[1], rotation.to(states[0]) @ states[0]),
                _difference(states[1], states[0]),
            ]
        )
    names = ("kl", "logits", "states", "moved")
    return dict(zip(names, np.ascontiguousarray(np.array(rows).T), strict=True))


def rotated(decoder: Decoder, rotation: torch.Tensor) -> Any:
    """A copy of the model in which every state h of the residual stream has become Q h."""
    model = copy.deepcopy(decoder.model)
    here = decoder_of(model)
    q = rotation.to(next(model.parameters()))
    embedding = model.get_input_embeddings()
    head = here.head.weight.detach().clone()
    embedding.weight = _fixed(embedding.weight.detach() @ q.T)
    for block in here.blocks:
        for norm, reads, write, place in _PARTS:
            gain = getattr(block, norm).weight.detach().clone()
            for name in reads:
                linear = getattr(getattr(block, place), name)
                linear.weight = _fixed((linear.weight.detach() * gain) @ q.T)
            linear = getattr(getattr(block, place), write)
            linear.weight = _fixed(q @ linear.weight.detach())
            if linear.bias is not None:
                linear.bias = _fixed(q @ linear.bias.detach())
            getattr(block, norm).weight = _fixed(torch.ones_like(gain))
    final: Any = here.stack.norm
    here.head.weight = _fixed((head * final.weight.detach()) @ q.T)
    final.weight = _fixed(torch.ones_like(final.weight))
    return model


def _fixed(value: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(value, requires_grad=False)


def _rotation(width: int, seed: int) -> torch.Tensor:
    gaussian = np.random.default_rng(seed).standard_normal((width, width))
    q, r = np.linalg.qr(gaussian)
    return torch.from_numpy(q * np.sign(np.diag(r)))


def _is_plain(norm: nn.Module, weight: torch.Tensor) -> bool:
    """Whether the norm of ones is its weights, but for its epsilon."""
    with torch.no_grad():
        found = norm(torch.ones_like(weight))
    return bool((found - weight).abs().max() <= 1e-2 * weight.abs().max())


def _logits(model: Any, ids: list[int]) -> torch.Tensor:
    """(V,) after the last token, by the model's own forward pass."""
    tokens = torch.tensor([ids], device=model.device)
    with torch.no_grad(), TrueFloat64():
        return model(input_ids=tokens, use_cache=False).logits[0, -1]


def _difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())
