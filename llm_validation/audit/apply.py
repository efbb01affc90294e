r"""What would settle it, done: the class with further data.

*Environments* and *layers* are observed beside what was, so that a step has to hide in each of
them. The largest subspace on which every mean divergence stays within epsilon at radius R has, by
Courant--Fischer on sum and mean of the metrics,

.. math:: n_\varepsilon(\textstyle\sum_e G_e) \le n \le
    \min\{n_\varepsilon(\tfrac1E \sum_e G_e), \min_e n_\varepsilon(G_e)\}

so it never grows, and the same environment twice leaves the upper bound where it was. *Prompts*
are more of the same: one mean over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from identifiability.choose import shortened, unknown
from identifiability.errors import InvalidInput
from identifiability.plain_file import plain_file
from llm_validation.audit.bench import Bench, Case
from llm_validation.audit.cases import COMPLETION_TOKENS, cases_of, encoded
from llm_validation.audit.class_size import ClassSize, null_dimension
from llm_validation.audit.observable import Observable
from llm_validation.audit.prompts import read_prompts
from llm_validation.audit.settle import Recovery, of_prompts
from llm_validation.dataset import load_trait
from llm_validation.json_document import JsonDocument
from llm_validation.models import LanguageModel
from llm_validation.prompt_fisher import mean_of
from llm_validation.structure import decoder_of

KEYS = ("environments", "layers", "prompts")


@dataclass(frozen=True)
class Further:
    """One ``--apply KEY=VALUE``."""

    key: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Further:
        """Raises InvalidInput unless it is KEY=VALUE with a known key."""
        key, sign, value = text.partition("=")
        if not sign or not value:
            raise InvalidInput(
                f"apply must be KEY=VALUE, got {text!r}; for example environments=FILE"
            )
        if key not in KEYS:
            raise unknown("key to apply", key, KEYS)
        return cls(key, value)

    def check(
        self,
        model: LanguageModel,
        layer: int,
        observable: Observable,
        choosing: Sequence[list[int]],
        *,
        chat: bool,
    ) -> None:
        """Refuse, before anything is measured, a value that cannot be read or used.

        ``choosing`` are the token ids of the prompts that choose the class.
        """
        if self.key == "layers":
            _other_layers(self.value, model, layer)
            return
        if observable.kind == "score":
            raise InvalidInput(
                f"a score is observed on its trait's own prompts, got {self.key} to apply; apply "
                "layers, or observe next-token"
            )
        more = COMPLETION_TOKENS if observable.kind == "completion" else 0
        if self.key == "environments":
            for prompts in _environments(self.value).values():
                encoded(model, prompts, chat=chat, more=more)
            return
        found = encoded(model, read_prompts(self.value), chat=chat, more=more)
        if {tuple(one.ids) for one in found} & {tuple(one) for one in choosing}:
            raise InvalidInput(
                f"{self.value} holds prompts that choose the class already; remove them"
            )


@dataclass(frozen=True, eq=False)
class Audited:
    """What the class was computed from."""

    bench: Bench
    observable: Observable
    choosing: tuple[Case, ...]
    metrics: list[np.ndarray]
    base: np.ndarray
    epsilon: float
    size: ClassSize
    chat: bool
    seed: int

    @property
    def radius(self) -> float:
        """R."""
        return float(np.linalg.norm(self.base))


def applied(further: Further, audited: Audited) -> Recovery:
    """The class with the data that ``further`` names.

    Raises
    ------
    InvalidInput
        If they cannot be used.
    """
    if further.key == "layers":
        return _joint("layers", "R4", _of_layers(further.value, audited), audited)
    if further.key == "environments":
        return _joint("environments", "R3a", _of_environments(further.value, audited), audited)
    return _prompts(further.value, audited)


def joint_dimension(
    metrics: Sequence[np.ndarray], epsilon: float, radius: float
) -> tuple[int, int]:
    """Least and most possible dimension of what stays within epsilon in every environment."""
    mean = mean_of(metrics)
    alone = [null_dimension(metric, epsilon, radius) for metric in metrics]
    most = min(null_dimension(mean, epsilon, radius), *alone)
    # Within epsilon in the sum is within epsilon / E in the mean.
    return min(null_dimension(mean, epsilon / len(metrics), radius), most), most


def _joint(
    assumption: str, theorem: str, others: dict[str, np.ndarray], audited: Audited
) -> Recovery:
    own = mean_of(audited.metrics)
    least, most = joint_dimension([own, *others.values()], audited.epsilon, audited.radius)
    holds = True if most == 0 else False if least > 0 else None
    return Recovery(
        assumption,
        theorem,
        f"no null direction shared with {', '.join(others)}",
        holds,
        float(most),
        (float(least), float(most)),
        0.0,
        float(most),
        (float(least), float(most)),
        f"applied {', '.join(others)}: class {audited.size.dimension} -> {_between(least, most)}",
        applied=True,
    )


def _between(least: int, most: int) -> str:
    return f"{most}" if least == most else f"between {least} and {most}"


def _other_layers(value: str, model: LanguageModel, audited: int) -> list[int]:
    decoder, found = decoder_of(model), []
    for text in value.split(","):
        try:
            layer = decoder.layer_index(int(text))
        except ValueError as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(
                f"layers to apply must be integers such as 10 or 10,20, got {shortened(text)}"
            ) from None
        if layer == audited:
            raise InvalidInput(f"layer {layer} is the one audited; apply another")
        found.append(layer)
    return found


def _of_layers(value: str, audited: Audited) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for layer in _other_layers(value, audited.bench.model, audited.bench.layer):
        there = audited.bench.at_layer(layer)
        found[f"layer {layer}"] = there.mean_metric(audited.choosing, audited.base)
    return found


def _environments(value: str) -> dict[str, Sequence[str]]:
    """Prompts by environment: those of a trait file, or one set from a prompt file."""
    path = Path(value)
    named: dict[str, Sequence[str]] = {}
    if path.suffix.lower() == ".json" and "prompts" not in JsonDocument(plain_file(path)).fields():
        for name, pairs in load_trait(path).environments.items():
            named[name] = [text for pair in pairs for text in (pair.positive, pair.negative)]
        if not named:
            raise InvalidInput(f"{path} must have environments, it has none; add some")
    else:
        named[path.stem] = read_prompts(path)
    return named


def _of_environments(value: str, audited: Audited) -> dict[str, np.ndarray]:
    most = len(audited.choosing)
    return {
        name: audited.bench.mean_metric(_cases(prompts[:most], audited), audited.base)
        for name, prompts in _environments(value).items()
    }


def _prompts(value: str, audited: Audited) -> Recovery:
    cases = _cases(read_prompts(value), audited)
    metrics = [*audited.metrics, *audited.bench.metrics(cases, audited.base)]
    rng = np.random.default_rng(audited.seed)
    equations = audited.observable.equations
    size = ClassSize.of(metrics, audited.epsilon, audited.radius, rng, equations)
    return replace(
        of_prompts(size),
        class_dimension_after=float(size.dimension),
        after_interval=(float(size.low), float(size.high)),
        needs=f"applied: class {audited.size.dimension} -> {size.dimension} with {len(cases)} more",
        applied=True,
    )


def _cases(prompts: Sequence[str], audited: Audited) -> list[Case]:
    found = encoded(audited.bench.model, prompts, chat=audited.chat)
    return cases_of(audited.bench, audited.observable, found, audited.seed)
