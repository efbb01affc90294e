"""A JSON file from a user, read so that each complaint names the line, the entry and the field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.unicode_text import is_unicode

Place = tuple[str | int, ...]  # the keys and indices that lead to a value, from the root
_KIND = {str: "a string", list: "a list", dict: "an object"}
_SPACE = re.compile(r"[ \t\r\n]*")


class JsonDocument:
    """The JSON object in the file at ``path``.

    Raises
    ------
    InvalidInput
        Where the file cannot be read, is not UTF-8, or is not JSON.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[tuple[str, str], str] = {}
        try:
            # utf-8-sig: some editors put a byte order mark in front.
            self._source = path.read_bytes().decode("utf-8-sig")
            self._root = json.loads(self._source, object_pairs_hook=without_repeated_fields)
        except OSError as error:
            raise InvalidInput(f"cannot read {path}: {error.strerror}; check the path") from error
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            came = f"byte 0x{error.object[error.start]:02x}"
            raise InvalidInput(
                f"{path}, line {line}: expected UTF-8, got {came}; save the file as UTF-8"
            ) from error
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"{path} must be JSON: {error}; mend it there") from error

    def only(self, *known: str) -> None:
        """Refuse a field of the file that is not known: a misspelt one would be passed over."""
        for field in self.fields():
            if field not in known:
                line = _line(self._source, (field,))
                raise InvalidInput(f"{self._path}, line {line}: {unknown('field', field, known)}")

    def fields(self, *at: str) -> list[str]:
        """The names of the fields of the object at a place; without a place, of the file."""
        return list(self._get(at, dict))

    def entries(self, *at: str, at_least: int = 0) -> list[Place]:
        """The places of the entries of the list at a place."""
        count = len(self._get(at, list))
        if count < at_least:
            sentence = f"must have {at_least} or more entries, got {count}; add some"
            raise self.wrong(at, sentence)
        return [(*at, index) for index in range(count)]

    def text(self, at: Place, field: str | int, *, once_among: str | None = None) -> str:
        """The string at a place; refused where its group ``once_among`` holds it already."""
        place = (*at, field)
        value: str = self._get(place, str)
        if not value.strip():
            raise self.wrong(place, "must be text, got an empty string; write it")
        if not is_unicode(value):
            raise self.wrong(place, "must be Unicode text, got half of a surrogate pair; mend it")
        if once_among is not None:
            first = self._seen.setdefault((once_among, " ".join(value.split())), _spell(place))
            if first != _spell(place):
                raise self.wrong(place, f"must occur once, got the text of {first}; reword one")
        return value

    def wrong(self, place: Place, sentence: str) -> InvalidInput:
        """The error to raise about the value at a place."""
        line = _line(self._source, place)
        return InvalidInput(f"{self._path}, line {line}: {_spell(place)} {sentence}")

    def _get(self, place: Place, kind: type) -> Any:
        value: Any = self._root
        for depth, step in enumerate(place):
            # An index comes from `entries`, which has seen that there is a list.
            if isinstance(step, str) and not isinstance(value, dict):
                raise self._mistyped(place[:depth], dict, value)
            if isinstance(step, str) and step not in value:
                missing = f"needs the field {step!r} ({_KIND[kind]}), got none; add it"
                raise self.wrong(place[:depth], missing)
            value = value[step]
        if not isinstance(value, kind):
            raise self._mistyped(place, kind, value)
        return value

    def _mistyped(self, place: Place, kind: type, value: object) -> InvalidInput:
        came = _KIND.get(type(value), json.dumps(value))
        return self.wrong(place, f"must be {_KIND[kind]}, got {came}")


def without_repeated_fields(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the file; json itself would keep the last of two equal fields, silently."""
    record = dict(fields)
    if len(record) < len(fields):
        names = [name for name, _ in fields]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the field {twice!r} more than once")
    return record


def _spell(place: Place) -> str:
    """``("pairs", 3, "negative")`` as ``pairs[3].negative``; the root as "the file"."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).removeprefix(".") or "the file"


def _line(source: str, place: Place) -> int:
    """The line on which the value at a place starts; json keeps no positions of its own."""
    decode = json.JSONDecoder().raw_decode

    def skip(at: int) -> int:
        space = _SPACE.match(source, at)
        return at if space is None else space.end()

    at = skip(0)
    for step in place:
        at, count = skip(at + 1), 0
        while True:
            key: str | int = count
            if isinstance(step, str):
                key, at = decode(source, at)
                at = skip(skip(at) + 1)
            if key == step:
                break
            _, at = decode(source, at)
            at, count = skip(skip(at) + 1), count + 1
    return source.count("\n", 0, at) + 1
