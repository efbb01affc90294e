"""Prompts as tokens, states, metrics, steering and extraction on a model that is loaded."""

from __future__ import annotations

import numpy as np
import torch

from llm_validation import (
    Completion,
    Continuation,
    EncoderContinuation,
    MetricStore,
    OutputCovariance,
    embed,
    encode,
    extract_vector,
    fisher_metrics,
    load_encoder,
    mean_fisher,
    metric_error,
    pad,
    read_states,
    steer,
    vector_of,
)
from llm_validation.dataset import ContrastivePair
from tests.bad_input.case import Answered, Refused, Room
from tests.llm_validation.architectures import CONTEXT, WIDTH, WORDS

IDS = [4, 8, 15, 16]
ONES = np.ones(WIDTH)
NAN = np.where(np.arange(WIDTH) == 3, np.nan, 1.0)
PAIRS = [ContrastivePair("a", "w3 w4", "w5 w6"), ContrastivePair("b", "w7 w8", "w9 w3")]


def tokens(ids):
    return lambda room: Continuation(room.model, ids, 1)


def rest(layer=1, position=-1):
    return lambda room: Continuation(room.model, IDS, layer, position)


def steered(vector=ONES, layer=1, alpha=1.0, positions="all"):
    """Runs the model steered so."""

    def call(room: Room) -> torch.Tensor:
        with steer(room.model, vector, layer, alpha, positions):
            return room.model.model(input_ids=torch.tensor([IDS])).logits

    return call


def stored(name: str):
    """Reads that file as a metric of the model's width."""
    return lambda room: MetricStore(room.files).read(room.files / name, WIDTH)


def extracted(pairs=PAIRS, layer=1, **options):
    return lambda room: extract_vector(room.model, pairs, layer, **options)


REFUSED = (
    Refused("half of a surrogate pair", lambda r: encode(r.model, "w3 \ud800"), "pair; mend it"),
    Refused(
        "a prompt of 100,000 characters",
        lambda r: Continuation(r.model, encode(r.model, "w3 " * 33_334), 1),
        "shorten it",
    ),
    Refused("no tokens", tokens([]), "got an empty prompt"),
    Refused("two prompts", tokens([IDS, IDS]), "one prompt at a time"),
    Refused("tokens of floats", tokens([1.0, 2.0]), "pass the tokenizer's ids"),
    Refused("tokens of booleans", tokens([True, False]), "pass the tokenizer's ids"),
    Refused("tokens of NaN", tokens([np.nan]), "pass the tokenizer's ids"),
    Refused("tokens of complex numbers", tokens([1j]), "pass the tokenizer's ids"),
    Refused("text for tokens", tokens("w3 w4"), "got str; convert it"),
    Refused("None for tokens", tokens(None), "got NoneType; convert it"),
    Refused("unequal rows of tokens", tokens([[1], [1, 2]]), "one by one"),
    Refused("a negative token", tokens([-1]), "the tokenizer of this model"),
    Refused("a token beyond the vocabulary", tokens([WORDS]), f"0 and {WORDS - 1}"),
    Refused("a token of 2^63", tokens(np.array([2**63], np.uint64)), "must fit int64"),
    Refused("a token of 2^70", tokens([2**70]), "got list; convert it"),
    Refused("sparse tokens", tokens(torch.tensor([IDS]).to_sparse()), "densify it"),
    Refused("a prompt beyond the context", tokens([4] * (CONTEXT + 1)), "shorten it"),
    Refused("layer 4 of 4", rest(layer=4), "between -4 and 3"),
    Refused("layer 1.0", rest(layer=1.0), "layer must be an integer"),
    Refused("layer None", rest(layer=None), "layer must be an integer"),
    Refused("position 4 of 4", rest(position=4), "between -4 and 3"),
    Refused("position True", rest(position=True), "position must be an integer"),
    Refused("a model that is none", lambda _: Continuation("smollm2", IDS, 1), "call load_model"),
    Refused("a state of another width", lambda r: rest()(r)(ONES[:5]), "same model"),
    Refused("a state of NaN", lambda r: rest()(r)(NAN), "must be finite"),
    Refused("a state at 1e300", lambda r: rest()(r)(1e300 * ONES), "must fit torch.float32"),
    Refused("a state of words", lambda r: rest()(r)(["a"] * WIDTH), "convert it"),
    Refused("a complex state", lambda r: rest()(r)(1j * ONES), "take the real part"),
    Refused("a displacement of inf", lambda r: rest()(r).kl(np.inf * ONES), "must be finite"),
    Refused("a metric at two states", lambda r: rest()(r).fisher(np.eye(WIDTH)), "pick one row"),
    Refused("a vector of another width", steered(ONES[:5]), "same model"),
    Refused("a vector of NaN", steered(NAN), "must be finite"),
    Refused("a vector at 1e300", steered(1e300 * ONES), "must fit torch.float32"),
    Refused("strength NaN", steered(alpha=np.nan), "alpha must be a finite number"),
    Refused("strength 1e300", steered(alpha=1e300), "must fit torch.float32"),
    Refused("strength as text", steered(alpha="1"), "alpha must be a finite number"),
    Refused("no layer to steer", steered(layer=[]), "at least one block"),
    Refused("one vector for two layers", steered(layer=[0, 1]), "one row for each layer"),
    Refused("an unknown position", steered(positions="first"), '"prompt", "last"'),
    Refused("a mask of another length", steered(positions=[True]), "make one for this prompt"),
    Refused("a mask of numbers", steered(positions=[0, 1, 0, 1]), "a boolean mask"),
    Refused("states of no layer", lambda r: read_states(r.model, IDS, []), "at least one layer"),
    Refused("no prompt to pad", lambda r: pad(r.model, []), "at least one prompt"),
    Refused("an unknown side", lambda r: pad(r.model, [IDS], "top"), "unknown side 'top'"),
    Refused(
        "a position twice",
        lambda r: Completion(r.model, IDS, [3, 4], 1, positions=(0, 0)),
        "each once",
    ),
    Refused(
        "an unknown part of a completion",
        lambda r: Completion(r.model, IDS, [3, 4], 1, positions="middle"),
        "or integers",
    ),
    Refused("an empty completion", lambda r: Completion(r.model, IDS, [], 1), "an empty prompt"),
    Refused("no prompts for a mean", lambda r: mean_fisher(r.model, [], 1), "at least one prompt"),
    Refused(
        "an empty prompt among others",
        lambda r: list(fisher_metrics(r.model, [[]], 1)),
        "an empty prompt",
    ),
    Refused(
        "a reference as narrow as the model",
        lambda r: metric_error(r.model, [IDS], 1, reference=r.model),
        "a wider dtype",
    ),
    Refused("a stored metric that is a zip", stored("bomb.npy"), "numbers is due); delete it"),
    Refused("a stored metric of 8 TiB, it says", stored("long.npy"), "due); delete it"),
    Refused("a stored metric of 2 GiB", stored("large.npy"), "due); delete it"),
    Refused("a stored metric in a pipe", stored("pipe.npy"), "due); delete it"),
    Refused("a stored metric that runs code", stored("pickled.npy"), "due); delete it"),
    Refused("a stored metric of one row", stored("v.npy"), "metric, got"),
    Refused("a store in a file", lambda r: MetricStore(r.out / "kept.txt"), "choose another"),
    Refused("an unknown recipe", extracted(method="median"), "unknown method 'median'"),
    Refused("no pairs", extracted(pairs=[]), "at least one contrastive pair"),
    Refused("pairs of texts", extracted(pairs=[("w3", "w4")]), "load_trait(name).pairs"),
    Refused("a blank prompt", extracted([ContrastivePair("a", " ", "w3")]), "must be some text"),
    Refused(
        "two sides that are alike",
        extracted([ContrastivePair("a", "w3", "w3")] * 2),
        "prompts that differ in the trait",
    ),
    Refused(
        "a prompt of 100,000 words",
        extracted([ContrastivePair("a", "w3 " * 100_000, "w3")]),
        "shorten it",
    ),
    Refused("states of NaN", lambda _: vector_of(NAN[None], ONES[None]), "check the model"),
    Refused("one output for a covariance", lambda _: OutputCovariance.of([[1.0]]), "2 or more"),
    Refused(
        "constant outputs",
        lambda _: OutputCovariance.of(np.ones((5, 2))),
        "state the noise",
    ),
    Refused("noise of NaN", lambda _: OutputCovariance.of(np.eye(2), np.nan), "0 or more"),
    Refused("a covariance that is no square", lambda _: OutputCovariance(ONES[None]), "(m, m)"),
    Refused("a decoder as an encoder", lambda r: EncoderContinuation(r.model, IDS, 0), "encoder"),
    Refused(
        "half of a surrogate pair to embed",
        lambda _: embed(load_encoder(), ["a", "b \udfff"]),
        "text must be Unicode text",
    ),
    Refused("texts for a decoder", lambda r: embed(r.model, ["w3"]), "encoder"),
)

ANSWERED = (
    Answered(
        "tokens in every kind of array",
        lambda room: (
            [
                Continuation(room.model, np.array(IDS, dtype), 1).logits
                for dtype in ("i8", "u8", "u2", ">i4", "i1")
            ]
            + [Continuation(room.model, np.array(IDS[::-1])[::-1], 1).logits]
        ),
        lambda found: all(torch.equal(one, found[0]) for one in found),
    ),
    Answered(
        "states in every kind of array",
        lambda room: [
            rest()(room)(np.array(ONES, dtype)) for dtype in ("f8", "f4", "f2", ">f8", "g", "i2")
        ],
        lambda found: all(torch.equal(one, found[0]) for one in found),
    ),
    Answered(
        "the same prompt twice",
        lambda room: mean_fisher(room.model, [IDS, IDS], 1) - mean_fisher(room.model, [IDS], 1),
        lambda difference: not difference.any(),
    ),
    Answered(
        "one token",
        lambda room: Continuation(room.model, [4], 1).fisher(),
        lambda metric: metric.shape == (WIDTH, WIDTH) and np.isfinite(metric).all(),
    ),
    Answered(
        "a vector of zeros steers nothing",
        lambda room: steered(0 * ONES)(room) - steered(ONES, alpha=0.0)(room),
        lambda difference: not difference.any(),
    ),
    Answered(
        "a displacement of 1e-300 is none",
        lambda room: rest()(room).kl(1e-300 * ONES),
        lambda divergence: divergence == 0,
    ),
    Answered(
        "a prompt in unicode is all unknown words",
        lambda room: encode(room.model, "Grüße ✨ 你好 \u202e"),
        lambda ids: ids == [0, 0, 0, 0],
    ),
    Answered(
        "a word of 100,000 characters is one token",
        lambda room: encode(room.model, "x" * 100_000),
        lambda ids: ids == [0],
    ),
    Answered(
        "outputs of one number",
        lambda _: OutputCovariance.of([[1.0], [3.0]]).matrix.tolist(),
        lambda matrix: matrix == [[2.0]],
    ),
)
