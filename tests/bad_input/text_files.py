"""Trait files, prompt files and results files, whole and damaged, by name."""

from __future__ import annotations

import json
from typing import Any

DEEP = b"[" * 10_000 + b"]" * 10_000
LONG_NUMBER = "9" * 5_000  # more digits than Python reads


def trait(**changes: Any) -> dict[str, Any]:
    """A whole trait, with changes."""
    pairs = [
        {"context": f"context {i}", "positive": f"yes {i}", "negative": f"no {i}"} for i in range(4)
    ]
    whole = {"trait": "mine", "description": "d", "license": "Apache-2.0", "pairs": pairs}
    return {**whole, "completions": [], **changes}


def json_bytes(value: Any) -> bytes:
    """As JSON."""
    return json.dumps(value).encode()


_PAIRS = trait()["pairs"]
TRAITS = {
    "trait.json": json_bytes(trait()),
    "latin.trait.json": '{"trait": "élan"}'.encode("latin-1"),
    "misspelt.trait.json": json_bytes(trait(pair=[])),
    "lacking.trait.json": json_bytes({k: v for k, v in trait().items() if k != "pairs"}),
    "one.trait.json": json_bytes(trait(pairs=_PAIRS[:1])),
    "repeated.trait.json": json_bytes(trait(pairs=[*_PAIRS, _PAIRS[0] | {"context": "other"}])),
    "blank.trait.json": json_bytes(trait(trait="  ")),
    "number.trait.json": json_bytes(trait(description=3)),
    "surrogate.trait.json": json_bytes(trait(trait="\ud800")),
    "list.trait.json": json_bytes([trait()]),
    "field.trait.json": b'{"trait": "a", "trait": "b"}',
    "split.trait.json": json_bytes(
        trait(completions=[{"prompt": "p", "positive": "a", "negative": "b", "split": "test"}])
    ),
    "unicode.trait.json": json.dumps(
        trait(
            trait="Höflichkeit ✨", description="עברית \u202e e\u0301 \U0001f9d1\u200d\U0001f680"
        ),
        ensure_ascii=False,
    ).encode("utf-8-sig"),
    "long.trait.json": json_bytes(trait(pairs=[*_PAIRS, dict.fromkeys(_PAIRS[0], "y" * 100_000)])),
    "long2.trait.json": json_bytes(
        trait(
            pairs=[
                *_PAIRS,
                {"context": "long", "positive": "p" * 100_000, "negative": "n" * 100_000},
            ]
        )
    ),
}

_LINES = [f"w{3 + i} w{4 + i} w{5 + i}" for i in range(12)]
PROMPTS = {
    "prompts.txt": "\n".join(_LINES).encode(),
    "repeated.txt": "\n".join([*_LINES, _LINES[0]]).encode(),
    "blank.txt": b"\n  \n",
    "bytes.txt": b"\xff\xfe\x00\x01",
    "few.txt": "\n".join(_LINES[:7]).encode(),
    "tokens.txt": "\n".join([*_LINES, _LINES[0].replace(" ", "  ")]).encode(),
    "long.txt": "\n".join([*_LINES, "w3 " * 33_000]).encode(),
    "deep.jsonl": b'"w3"\n' + DEEP,
    "object.jsonl": b'{"question": "w3"}',
    "surrogate.jsonl": b'{"prompt": "w3 \\ud800"}',
    "half.jsonl": b'{"prompt": "w3"',
    "repeated.prompts.json": json_bytes({"prompts": ["a b", "a  b"]}),
    "none.prompts.json": json_bytes({"prompts": []}),
    "words.prompts.json": json_bytes({"prompts": "a"}),
    "unicode.txt": "\n".join(["Grüße ✨ 你好", "עברית \u202e", "e\u0301", "é"]).encode(),
    "one.txt": ("x" * 100_000).encode(),
}


RESULTS = {
    "not_json": b"{",
    "deep": b'{"schema": 1, "x": ' + DEEP + b"}",
    "schema": b'{"schema": 99}',
    "list": b"[]",
    "nameless": b'{"schema": 1, "claims": []}',
    "nan": b'{"schema": 1, "x": NaN}',
    "number": f'{{"schema": 1, "x": {LONG_NUMBER}}}'.encode(),
    "latin": '{"schema": 1, "x": "é"}'.encode("latin-1"),
    "empty": b"",
}
"""Results files, each in a folder of its own."""
