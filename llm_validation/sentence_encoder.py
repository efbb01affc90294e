"""Load an encoder of sentences by name, and embed texts with it, offline."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from identifiability.errors import InvalidInput
from llm_validation.embedded import EMBEDDED, require_packages
from llm_validation.encoder_structure import Encoder, encoder_of, is_encoder
from llm_validation.loading import check_dtype, read, torch_device
from llm_validation.precision import true_precision
from llm_validation.unicode_text import check_unicode

DEFAULT_ENCODER = "all-minilm-l6-v2"
_TEXTS_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class SentenceEncoder:
    """A bidirectional encoder with its tokenizer, ready to embed and to be differentiated.

    Attributes
    ----------
    model
        The Hugging Face encoder: eval mode, no gradients to the weights, eager attention.
    tokenizer
        Its tokenizer.
    name, revision, weights_sha256, dtype, layers, width
        As in ``LanguageModel``.
    context
        Longest text in tokens, those that mark its ends included.
    normalise
        Whether embeddings have unit length.
    """

    model: Any
    tokenizer: Any
    name: str
    revision: str
    weights_sha256: str
    dtype: str
    layers: int
    width: int
    context: int | None
    normalise: bool

    def to_dtype(self, dtype: str) -> SentenceEncoder:
        """The same weights in another dtype: a copy, or this encoder if it has that dtype."""
        check_dtype(dtype)
        if dtype == self.dtype:
            return self
        model = copy.deepcopy(self.model).to(getattr(torch, dtype))
        return replace(self, model=model, dtype=dtype)

    def info(self) -> dict[str, Any]:
        """What identifies the encoder in a result file."""
        names = ("name", "revision", "weights_sha256", "dtype", "layers", "width", "normalise")
        return {name: getattr(self, name) for name in names} | {"pooling": "mean"}


def load_encoder(
    name: str = DEFAULT_ENCODER, *, dtype: str = "float32", device: str = "cpu"
) -> SentenceEncoder:
    """Load an encoder of sentences.

    What sentence-transformers saves beside the weights says how long a text may be and whether
    embeddings have unit length; without it, they do.

    Parameters
    ----------
    name
        ``"all-minilm-l6-v2"`` (from its package, extracted into the user's cache at the first use),
        a folder, or a Hugging Face id. Code that comes with a model is never run.
    dtype
        "float32", "float64" (true float64 in ``EncoderContinuation`` and ``embed``) or "bfloat16".
    device
        A torch device such as "cpu" or "cuda".

    Raises
    ------
    InvalidInput
        If there is no such model, or it is no encoder, or pools otherwise than by the mean, or a
        file, a package or the device is missing.
    """
    check_dtype(dtype)
    require_packages("torch", "transformers", "safetensors")
    target = torch_device(device)
    if name in EMBEDDED and EMBEDDED[name].kind != "encoder":
        raise _no_encoder(name)  # before it is unpacked for nothing

    def accept(config: Any) -> None:
        if not is_encoder(config):
            raise _no_encoder(name)

    model, tokenizer, folder, revision, digest = read(name, dtype, "AutoModel", accept)
    model = model.to(target).eval().requires_grad_(False)
    context, normalise = _pipeline(folder, name)
    found = encoder_of(model)
    if context is None or (found.context is not None and found.context < context):
        context = found.context
    return SentenceEncoder(
        model=model,
        tokenizer=tokenizer,
        name=name,
        revision=revision,
        weights_sha256=digest,
        dtype=dtype,
        layers=len(found.blocks),
        width=found.width,
        context=context,
        normalise=normalise,
    )


def embed(encoder: Any, texts: Sequence[str]) -> np.ndarray:
    """Embeddings of texts, each the same, to rounding, as if it were embedded alone.

    Parameters
    ----------
    encoder
        A ``SentenceEncoder``.
    texts
        n texts; none is cut.

    Returns
    -------
    numpy.ndarray
        (n, d), float64 from an encoder in float64, float32 from any other. Where they have unit
        length their inner products are cosines.

    Raises
    ------
    InvalidInput
        If ``texts`` is not a list of texts, or one is no Unicode or longer than the context.
    """
    parts = encoder_of(encoder)
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise InvalidInput(f"texts must be a list of texts, got {texts!r:.60}; put them in one")
    rows = [text_ids(parts, text) for text in texts]
    # Texts of like length share a batch: less padding.
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    result = np.empty((len(rows), parts.width), np.float64 if _is_double(parts) else np.float32)
    for start in range(0, len(order), _TEXTS_AT_ONCE):
        chosen = order[start : start + _TEXTS_AT_ONCE]
        result[chosen] = _embed_batch(parts, [rows[index] for index in chosen])
    return result


def text_ids(encoder: Encoder, text: str) -> list[int]:
    """Token ids of one text, those that mark its ends included.

    Raises
    ------
    InvalidInput
        If the encoder came without a tokenizer, or the text holds half of a surrogate pair or is
        longer than the context.
    """
    if encoder.tokenizer is None:
        raise InvalidInput(
            f"{type(encoder.model).__name__} comes without a tokenizer, expected token ids; "
            "pass those, or call load_encoder"
        )
    check_unicode(text, "text")
    ids = encoder.tokenizer(text, verbose=False)["input_ids"]
    if encoder.context is not None and len(ids) > encoder.context:
        raise InvalidInput(
            f"text must fit the context of {encoder.context} tokens, got {len(ids)}; shorten it "
            f"({text[:40]!r}…)"
        )
    return ids


def _embed_batch(encoder: Encoder, rows: list[list[int]]) -> np.ndarray:
    length = max(map(len, rows))
    padding = encoder.tokenizer.pad_token_id
    ids = torch.tensor([row + [padding] * (length - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
    ids, mask = ids.to(encoder.model.device), mask.to(encoder.model.device)
    with torch.no_grad(), true_precision(encoder.model):
        hidden = encoder.model(input_ids=ids, attention_mask=mask).last_hidden_state
        output = encoder.pool(hidden, mask)
    return (output if _is_double(encoder) else output.float()).cpu().numpy()


def _is_double(encoder: Encoder) -> bool:
    return encoder.model.dtype == torch.float64


def _pipeline(folder: Path, name: str) -> tuple[int | None, bool]:
    """Longest text and whether outputs have unit length, from sentence-transformers' files."""
    if not (folder / "modules.json").is_file():
        return None, True
    kinds = {module["type"].split(".")[-1]: module for module in _json(folder / "modules.json")}
    others = sorted(set(kinds) - {"Transformer", "Pooling", "Normalize"})
    pooling = _json(folder / kinds["Pooling"]["path"] / "config.json") if "Pooling" in kinds else {}
    modes = [key for key, on in pooling.items() if key.startswith("pooling_mode_") and on]
    if others or modes != ["pooling_mode_mean_tokens"]:
        raise InvalidInput(
            f"model {name!r} pools by {', '.join([*modes, *others]) or 'nothing'}, expected the "
            "mean over tokens; choose another encoder"
        )
    limit = folder / "sentence_bert_config.json"
    context = _json(limit).get("max_seq_length") if limit.is_file() else None
    return context, "Normalize" in kinds


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"{path} must be a JSON file ({type(error).__name__}); fetch the model again"
        ) from error


def _no_encoder(name: str) -> InvalidInput:
    return InvalidInput(
        f"model {name!r} is not an encoder, expected one such as {DEFAULT_ENCODER!r}; "
        "language models load with load_model"
    )
