"""Train the two shipped transformers: ``python -m toy_models.tiny_transformer_training``.

Writes ``weights/layer.npz``, ``weights/rms.npz`` and ``weights/training.json`` (seed, steps, scores
on held-out sequences, checksum). One thread and seeded throughout: run twice on one machine, it
writes the same bits; another BLAS may round differently, and then only the scores agree.

The records of ``toy_models/decoder.py`` are trained as they are, in float32, mapped over a batch:
there is no second implementation that could differ from the one that is used.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from toy_models.concept_task import Sequences
from toy_models.decoder import Decoder
from toy_models.tiny_transformer import (
    GRAMMAR,
    HIDDEN,
    LAYERS,
    LENGTH,
    NORMS,
    WEIGHTS,
    WIDTH,
    NormKind,
    assemble,
    checksum,
    mean_difference,
    states,
)

SEED, STEPS, BATCH = 0, 2000, 64
PEAK_RATE, WARM_UP = 5e-3, 100
HELD_OUT, STEERED = 2000, 500  # sequences
STEERED_LAYER, STEERED_LENGTH = 0, 12


def train(norm: NormKind, *, seed: int = SEED, steps: int = STEPS) -> dict[str, np.ndarray]:
    """Weights by name after ``steps`` batches of fresh sequences."""
    rng = np.random.default_rng([seed, NORMS.index(norm)])
    with _deterministic():
        tensors = _start(norm, torch.Generator().manual_seed(seed))
        optimiser = torch.optim.AdamW(list(tensors.values()), lr=PEAK_RATE, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, PEAK_RATE, total_steps=steps, pct_start=min(0.5, WARM_UP / steps)
        )
        for _ in range(steps):
            tokens = torch.from_numpy(GRAMMAR.sample(rng, count=BATCH, length=LENGTH).tokens)
            predicted = logits(assemble(tensors, norm), tokens[:, :-1])
            loss = F.cross_entropy(predicted.flatten(0, 1), tokens[:, 1:].flatten())
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(list(tensors.values()), 1.0)
            optimiser.step()
            schedule.step()
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def logits(decoder: Decoder, tokens: torch.Tensor) -> torch.Tensor:
    """(n, T, V) at every position of n sequences."""
    return decoder.logits(states(decoder, tokens, LAYERS - 1))


@contextmanager
def _deterministic() -> Iterator[None]:
    """One thread and no algorithm that may add up in another order; then as it was."""
    threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.set_num_threads(threads)


def _start(norm: NormKind, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Random reads of unit size, writes smaller with depth; gains 1, shifts and offsets 0."""
    tensors: dict[str, torch.Tensor] = {}

    def draw(name: str, rows: int, columns: int, size: float) -> None:
        tensors[name] = size * torch.randn(rows, columns, generator=generator)

    def read(name: str, rows: int) -> None:
        draw(f"{name}.matrix", rows, WIDTH, WIDTH**-0.5)
        tensors[f"{name}.offset"] = torch.zeros(rows)

    def norm_at(name: str) -> None:
        tensors[f"{name}.gain"] = torch.ones(WIDTH)
        if norm == "layer":
            tensors[f"{name}.shift"] = torch.zeros(WIDTH)

    draw("embedding", GRAMMAR.vocabulary, WIDTH, 1.0)
    depth = (2 * LAYERS) ** -0.5
    for index in range(LAYERS):
        norm_at(f"{index}.attention_norm")
        for name in ("query", "key", "value"):
            read(f"{index}.{name}", WIDTH)
        draw(f"{index}.attention_write", WIDTH, WIDTH, depth * WIDTH**-0.5)
        norm_at(f"{index}.mlp_norm")
        read(f"{index}.up", HIDDEN)
        draw(f"{index}.mlp_write", WIDTH, HIDDEN, depth * HIDDEN**-0.5)
    norm_at("final_norm")
    read("unembedding", GRAMMAR.vocabulary)
    return {name: tensor.requires_grad_() for name, tensor in tensors.items()}


def evaluate(decoder: Decoder, rng: np.random.Generator) -> dict[str, Any]:
    """Scores on fresh sequences, each beside the best that any predictor can expect.

    ``accuracy``: share of the two-form words for which, of the two forms of the meaning that comes,
    the one in the sequence's register has the higher logit; ``standard_error`` over sequences.
    ``loss`` and ``meaning_loss`` are nats a token, the latter without regard to the form; the best
    ones are those of the exact predictive distribution on the same sequences.
    ``log_odds_correlation`` is that of the model's log-odds of the register, averaged over
    meanings, with the exact ones for the next word, at the last position.
    """
    drawn = GRAMMAR.sample(rng, count=HELD_OUT, length=LENGTH)
    context, following = drawn.tokens[:, :-1], drawn.tokens[:, 1:]
    with torch.no_grad():
        scores = logits(decoder, torch.from_numpy(context)).double()
    modelled, exact = torch.softmax(scores, dim=-1).numpy(), GRAMMAR.predictive(context)
    paired = GRAMMAR.register_of[following] != 0
    right = _preferred(modelled, following) == drawn.registers[:, None]
    certainty = 1 / (1 + np.exp(-np.abs(GRAMMAR.log_odds(context))))
    count = paired.sum(axis=1)
    accuracy = float(right[paired].mean())
    residual = ((right - accuracy) * paired).sum(axis=1) / count.mean()
    believed = scores[:, -1].numpy() @ GRAMMAR.functional
    justified = np.log(exact[:, -1, 1:]) @ GRAMMAR.functional[1:]
    return {
        "sequences": HELD_OUT,
        "accuracy": accuracy,
        "accuracy_standard_error": float(residual.std(ddof=1) / np.sqrt(HELD_OUT)),
        "best_accuracy": float(certainty[paired].mean()),
        "loss": _loss(modelled, following),
        "best_loss": _loss(exact, following),
        "meaning_loss": _loss(_by_meaning(modelled), GRAMMAR.meaning_of[following]),
        "best_meaning_loss": _loss(_by_meaning(exact), GRAMMAR.meaning_of[following]),
        "log_odds_correlation": float(np.corrcoef(believed, justified)[0, 1]),
    }


def _preferred(probabilities: np.ndarray, following: np.ndarray) -> np.ndarray:
    """(n, T) 1 or -1: the register of the likelier form of the meaning that comes."""
    meaning = np.minimum(GRAMMAR.meaning_of[following], GRAMMAR.paired - 1)
    forms = [1 + meaning, 1 + GRAMMAR.paired + meaning]
    a, b = (np.take_along_axis(probabilities, f[..., None], axis=-1)[..., 0] for f in forms)
    return np.where(a > b, 1, -1)


def _by_meaning(probabilities: np.ndarray) -> np.ndarray:
    words = np.eye(GRAMMAR.meanings)[GRAMMAR.meaning_of[1:]]
    return probabilities[..., 1:] @ words


def _loss(probabilities: np.ndarray, index: np.ndarray) -> float:
    return float(-np.log(np.take_along_axis(probabilities, index[..., None], axis=-1)).mean())


def steering(decoder: Decoder, rng: np.random.Generator) -> dict[str, Any]:
    """Share of prompts after which the *other* register is the likelier one, in four arms.

    ``steered`` adds the mean difference towards the other register to all positions after block 0,
    at strength 1 (from one mean to the other, so there is nothing to tune); ``random`` a random
    direction of the same norm, drawn for each prompt; ``unsteered`` nothing. ``last_token`` adds
    the mean difference at the last position only, where the words before still show the register.
    ``success`` has the unsteered share subtracted.
    """
    vector = mean_difference(decoder, STEERED_LAYER, rng, length=STEERED_LENGTH)
    prompts = GRAMMAR.sample(rng, count=STEERED, length=STEERED_LENGTH)
    directions = rng.standard_normal((STEERED, WIDTH))
    directions *= np.linalg.norm(vector) / np.linalg.norm(directions, axis=1, keepdims=True)
    opposite = -prompts.registers[:, None] * vector
    last = np.arange(STEERED_LENGTH)[:, None] == STEERED_LENGTH - 1
    added = {
        "unsteered": np.zeros((STEERED, 1, WIDTH)),
        "random": directions[:, None],
        "steered": opposite[:, None],
        "last_token": opposite[:, None] * last,
    }
    shares = {arm: _turned(decoder, prompts, vectors) for arm, vectors in added.items()}
    return {
        "prompts": STEERED,
        **shares,
        "success": shares["steered"] - shares["unsteered"],
        "random_success": shares["random"] - shares["unsteered"],
    }


def _turned(decoder: Decoder, prompts: Sequences, added: np.ndarray) -> float:
    """Share whose log-odds favour the other register with ``added`` (n, T or 1, d)."""

    def steered(tokens: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        stream = decoder.stream(tokens, STEERED_LAYER) + vectors
        return decoder.logits(decoder.resume(stream, STEERED_LAYER)[-1])

    outputs = torch.vmap(steered)(torch.from_numpy(prompts.tokens), torch.from_numpy(added))
    log_odds = outputs.numpy() @ GRAMMAR.functional
    return float(np.mean(np.sign(log_odds) == -prompts.registers))


def describe(decoder: Decoder, seed: int) -> dict[str, Any]:
    """All scores, on sequences drawn from streams that training does not use."""
    return {
        **evaluate(decoder, np.random.default_rng([seed, 10])),
        "steering": steering(decoder, np.random.default_rng([seed, 11])),
    }


def main() -> None:
    """Train both, write the weights and the record, and print it."""
    record: dict[str, Any] = {}
    for norm in NORMS:
        start = time.perf_counter()
        arrays = train(norm)
        seconds = time.perf_counter() - start
        np.savez_compressed(WEIGHTS / f"{norm}.npz", allow_pickle=False, **arrays)
        double = {
            name: torch.from_numpy(array.astype(np.float64)) for name, array in arrays.items()
        }
        record[norm] = {
            "seed": SEED,
            "steps": STEPS,
            "batch": BATCH,
            "checksum": checksum(arrays),
            **describe(assemble(double, norm), SEED),
        }
        print(f"{norm}: {STEPS} steps in {seconds:.0f} s")
    written = json.dumps(record, indent=2) + "\n"
    (WEIGHTS / "training.json").write_text(written)
    print(written, end="")


if __name__ == "__main__":
    main()
