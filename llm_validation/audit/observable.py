"""What is observed of the model's output: the rung of the ladder that an audit stands on (N10)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from identifiability.choose import shortened, unknown
from identifiability.errors import InvalidInput

Kind = Literal["next-token", "completion", "topk", "score"]
KINDS = ("next-token", "completion", "topk:K", "score:TRAIT")


@dataclass(frozen=True)
class Observable:
    """An observable and its parameter.

    Attributes
    ----------
    kind
        ``next-token``: the whole distribution of the next token. ``topk``: the k likeliest tokens
        of the unsteered model, the rest as one outcome. ``completion``: every token of a sampled
        completion. ``score``: the log-odds of opposite completions of a trait.
    k
        Of ``topk``.
    trait
        Of ``score``: a shipped name or a file.
    """

    kind: Kind
    k: int | None = None
    trait: str | None = None

    @classmethod
    def parse(cls, text: str) -> Observable:
        """From ``next-token``, ``completion``, ``topk:K`` or ``score:TRAIT``.

        Raises
        ------
        InvalidInput
            If it is none of these.
        """
        name, colon, parameter = text.partition(":")
        if name in ("next-token", "completion") and not colon:
            return cls(name)
        if name == "topk":
            if not re.fullmatch("[1-9][0-9]{0,8}", parameter):
                raise InvalidInput(
                    f"observe must be topk:K with K from 1 up, got {shortened(text)}; for example "
                    "topk:20"
                )
            return cls("topk", k=int(parameter))
        if name == "score":
            if not parameter:
                raise InvalidInput(
                    f"observe must be score:TRAIT with a trait, got {text!r}; "
                    "for example score:formality"
                )
            return cls("score", trait=parameter)
        raise unknown("observable", text, KINDS)

    def check_words(self, words: int) -> None:
        """Raises InvalidInput unless a vocabulary of so many words has k likeliest and a rest."""
        if self.k is not None and self.k >= words:
            raise InvalidInput(
                f"observe must be topk:K with K between 1 and {words - 1} for this model, got "
                f"{self.k}; for all of its words observe next-token"
            )

    @property
    def text(self) -> str:
        """As it is given on the command line."""
        parameter = self.k if self.kind == "topk" else self.trait
        return self.kind if parameter is None else f"{self.kind}:{parameter}"

    @property
    def words(self) -> str:
        """In words."""
        trait = None if self.trait is None else Path(self.trait).stem
        return {
            "next-token": "distribution of the next token",
            "topk": f"{self.k} likeliest next tokens and the rest",
            "completion": "all tokens of a completion sampled from the unsteered model",
            "score": f"log-odds of {trait} completions (nats under a Gaussian reading)",
        }[self.kind]

    @property
    def equations(self) -> int | None:
        """Numbers that one prompt shows, and so the rank of its metric at most; None if many."""
        return {"score": 1, "topk": self.k}.get(self.kind)

    @property
    def counts_outputs(self) -> bool:
        """Whether nats are those of one output drawn, so that they bound how many tell (N7)."""
        return self.kind in ("next-token", "topk")
