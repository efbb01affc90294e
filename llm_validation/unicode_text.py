"""Text that a tokenizer can read: half of a surrogate pair is none, though JSON can spell it."""

from __future__ import annotations

from typing import Any

from identifiability.errors import InvalidInput


def is_unicode(text: str) -> bool:
    """Whether no character is half of a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def check_unicode(text: str, name: str) -> None:
    """Raise ``InvalidInput``, with a message that begins with ``name``, if text is no Unicode."""
    if not is_unicode(text):
        raise InvalidInput(f"{name} must be Unicode text, got half of a surrogate pair; mend it")


def as_text(value: Any, name: str) -> str:
    """The value, if it is text of more than white space.

    Raises
    ------
    InvalidInput
        If it is not; the message begins with ``name``.
    """
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"{name} must be some text, got {value!r:.60}; write it")
    check_unicode(value, name)
    return value
