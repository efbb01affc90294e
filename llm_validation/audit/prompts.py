"""The prompts of an audit: read from a file of several kinds, dealt into two halves."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.plain_file import plain_file
from llm_validation.dataset import load_prompts
from llm_validation.unicode_text import is_unicode

COUNT = 32
"""Prompts of an audit, where there are as many."""
FEWEST = 8
"""Four in each half, the fewest that an interval over prompts is drawn from."""
_FIELDS = ("prompt", "text")

T = TypeVar("T")


def read_prompts(path: str | os.PathLike[str] | None) -> tuple[str, ...]:
    """Prompts of a file; without one, the built-in neutral ones.

    ``.jsonl``: one JSON value a line, a string or an object with ``prompt`` (or ``text``).
    ``.json``: ``{"prompts": [...]}``. Anything else: one prompt a line, blank lines left out.

    Raises
    ------
    InvalidInput
        If the file cannot be read or is not of its kind, or a prompt is there twice: one copy
        could choose what the other measures.
    """
    if path is None:
        return load_prompts()
    path = Path(path)
    if path.suffix.lower() == ".json":
        return load_prompts(path)
    try:
        lines = plain_file(path).read_bytes().decode("utf-8-sig").splitlines()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} must be UTF-8 ({error.reason}); save it as UTF-8") from error
    numbered = [(number, line.strip()) for number, line in enumerate(lines, start=1)]
    numbered = [(number, line) for number, line in numbered if line]
    if path.suffix.lower() == ".jsonl":
        numbered = [(number, _prompt(path, number, line)) for number, line in numbered]
    seen: dict[str, int] = {}
    for number, text in numbered:
        if text in seen:
            raise InvalidInput(
                f"{path}, line {number}: the prompt of line {seen[text]} again, expected each "
                "once, since one half chooses what the other measures; remove it"
            )
        seen[text] = number
    if not seen:
        raise InvalidInput(f"{path} must hold prompts, one a line, it is empty; add some")
    return tuple(seen)


def _prompt(path: Path, number: int, line: str) -> str:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{path}, line {number}: expected one JSON value a line, got {line[:40]!r}; mend it"
        ) from error
    if isinstance(value, dict):
        value = next((value[name] for name in _FIELDS if name in value), None)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(
            f"{path}, line {number}: expected a string, or an object with a 'prompt' or a 'text', "
            f"got {line[:40]!r}; mend it"
        )
    if not is_unicode(value):
        raise InvalidInput(
            f"{path}, line {number}: expected Unicode text, got half of a surrogate pair; mend it"
        )
    return value.strip()


@dataclass(frozen=True)
class Halves(Generic[T]):
    """Prompts that choose directions, class and witness, and prompts that measure them."""

    choosing: tuple[T, ...]
    measuring: tuple[T, ...]

    @classmethod
    def of(cls, prompts: Sequence[T], count: int, seed: int) -> Halves[T]:
        """``count`` of the prompts at random, or all if there are no more, in two halves.

        Raises
        ------
        InvalidInput
            If there are fewer than eight.
        """
        used = min(count, len(prompts))
        if used < FEWEST:
            raise InvalidInput(
                f"an audit needs at least {FEWEST} prompts, half of them to choose and half to "
                f"measure, got {used}; give more"
            )
        order = np.random.default_rng(seed).permutation(len(prompts))[:used]
        dealt = [prompts[i] for i in order]
        return cls(tuple(dealt[: used // 2]), tuple(dealt[used // 2 :]))
