"""Score of a text by any sequence classifier of the Hugging Face kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.embedded import require_packages
from llm_validation.encoder_structure import encoder_of, is_encoder
from llm_validation.loading import check_dtype, read, torch_device
from llm_validation.precision import true_precision
from llm_validation.unicode_text import check_unicode

_TEXTS_AT_ONCE = 32
# Tokenizers that were saved without a limit have 1e30 in its place.
_NO_LIMIT = 10**9


@dataclass(frozen=True, eq=False)
class SequenceClassifier:
    """A classifier of texts, read as the log-odds of one of its labels.

    Attributes
    ----------
    model, tokenizer
        The Hugging Face model in eval mode, and its tokenizer.
    name, revision, weights_sha256
        As in ``LanguageModel``.
    label
        The label whose log-odds are the score.
    context
        Longest text in tokens, or None where nothing limits it.
    """

    model: Any
    tokenizer: Any
    name: str
    revision: str
    weights_sha256: str
    label: str
    context: int | None

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """(n,) log p(label) - log(1 - p(label)) in nats, float64; completions, no prompts.

        Texts of one length share a batch, so that nothing is padded and each scores the same, to
        rounding, as alone.

        Raises
        ------
        InvalidInput
            If it is not a list of texts, or one is longer than the context: none is cut, because
            what is cut off is not scored.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise InvalidInput(f"texts must be a list of texts, got {texts!r:.60}; put them in one")
        alike: dict[int, list[int]] = defaultdict(list)
        rows = [self._ids(text) for text in texts]
        for place, ids in enumerate(rows):
            alike[len(ids)].append(place)
        scores = np.empty(len(rows))
        for places in alike.values():
            for start in range(0, len(places), self._texts_at_once):
                chunk = places[start : start + self._texts_at_once]
                scores[chunk] = self._log_odds([rows[place] for place in chunk])
        return scores

    @property
    def _texts_at_once(self) -> int:
        # Decoders with a classifier on top refuse a batch if they have no padding token.
        return 1 if self.model.config.pad_token_id is None else _TEXTS_AT_ONCE

    def _ids(self, text: str) -> list[int]:
        check_unicode(text, "text")
        ids = self.tokenizer(text, verbose=False)["input_ids"]
        if not ids:
            raise InvalidInput(f"texts must have at least one token each, got {text!r}")
        if self.context is not None and len(ids) > self.context:
            raise InvalidInput(
                f"text must fit the context of {self.context} tokens of {self.name}, got "
                f"{len(ids)}; shorten it, none is cut ({text[:40]!r}…)"
            )
        return ids

    def _log_odds(self, rows: list[list[int]]) -> np.ndarray:
        ids = torch.tensor(rows, device=self.model.device)
        with torch.no_grad(), true_precision(self.model):
            logits = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.double()
        index = self.model.config.label2id[self.label]
        own = logits[:, index]
        if not _is_multi_label(self.model.config):  # else one sigmoid for each label
            others = [other for other in range(logits.shape[1]) if other != index]
            own = own - torch.logsumexp(logits[:, others], -1)
        return own.cpu().numpy()


def load_classifier(
    name: str, *, label: str, dtype: str = "float32", device: str = "cpu"
) -> SequenceClassifier:
    """Load a sequence classifier.

    Parameters
    ----------
    name
        A folder or a Hugging Face id. Code that comes with a model is never run.
    label
        The label whose log-odds are the score, one of the model's own.
    dtype
        "float32", "float64" or "bfloat16"; the log-odds are computed in float64 from the logits.
    device
        A torch device such as "cpu" or "cuda".

    Raises
    ------
    InvalidInput
        If there is no such model, or it is no classifier, or its files hold no trained classifier
        on top, or it has no such label.
    """
    check_dtype(dtype)
    require_packages("torch", "transformers", "safetensors")
    target = torch_device(device)

    def accept(config: Any) -> None:
        named = config.architectures or ["a model of no class"]
        if not any(one.endswith("ForSequenceClassification") for one in named):
            raise InvalidInput(
                f"model {name!r} is {named[0]}, expected one ForSequenceClassification; choose a "
                "classifier of texts"
            )
        if config.num_labels < 2 and not _is_multi_label(config):
            raise InvalidInput(
                f"model {name!r} has a single output, which transformers reads as a regression, "
                "expected labels; choose a classifier"
            )
        if label not in config.label2id:
            raise unknown(f"label of model {name!r}", str(label), config.label2id)

    model, tokenizer, folder, revision, digest = read(
        name, dtype, "AutoModelForSequenceClassification", accept
    )
    _check_trained(model, folder, name)
    return SequenceClassifier(
        model=model.to(target).eval().requires_grad_(False),
        tokenizer=tokenizer,
        name=name,
        revision=revision,
        weights_sha256=digest,
        label=label,
        context=_context(model, tokenizer),
    )


def _is_multi_label(config: Any) -> bool:
    return config.problem_type == "multi_label_classification"


def _check_trained(model: Any, folder: Path, name: str) -> None:
    """Every weight of the classifier on top must be in the files.

    transformers draws what is missing at random, and a random classifier looks like a bad one.
    """
    base = f"{model.base_model_prefix}."
    head = {key for key in model.state_dict() if not key.startswith(base)}
    missing = sorted(head - _saved_names(folder))
    if missing:
        raise InvalidInput(
            f"model {name!r} must hold a trained classifier, its files have no {missing[0]}; "
            "choose a model that was trained to classify"
        )


def _saved_names(folder: Path) -> set[str]:
    """Names of the weights in a folder; nothing but tensors is ever unpickled."""
    from safetensors import safe_open

    names: set[str] = set()
    safe = sorted(folder.glob("*.safetensors"))
    for file in safe:
        with safe_open(file, framework="pt") as opened:
            names.update(opened.keys())
    for file in () if safe else sorted(folder.glob("*.bin")):
        names.update(torch.load(file, map_location="meta", weights_only=True))
    return names


def _context(model: Any, tokenizer: Any) -> int | None:
    """Longest text: the shorter of the model's positions and the tokenizer's limit."""
    limits = []
    # An encoder may keep rows of its table of positions for padding, which no text can use.
    positions = (
        encoder_of(model).context
        if is_encoder(model.config)
        else getattr(model.config, "max_position_embeddings", None)
    )
    if positions is not None:
        limits.append(positions)
    if tokenizer.model_max_length < _NO_LIMIT:
        limits.append(int(tokenizer.model_max_length))
    return min(limits, default=None)
