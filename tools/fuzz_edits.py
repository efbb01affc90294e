"""Ways to spoil a file: bytes, lengths, JSON trees, headers and the parts of archives.

Each takes the content of a sound file and a ``random.Random``; what it does depends on these alone.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

Edit = Callable[[bytes, Random], bytes]

_NUMBERS = (0, 1, 2, 7, 8, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**53 + 1)
_WIDE = (*_NUMBERS, 2**61, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
_ODD_TEXTS = ("", " ", "\ud800", "é\u0301", "\u202e", "\0", "a" * 3_000, "1", "1.0", "15", "-1")
_ODD_NUMBERS = (0, -1, 1, 2**63, 10**400, 1e308, -1e308, 5e-324, float("nan"), float("inf"), 0.5)
_ODD_LITERALS = (
    "()",
    "(0,)",
    "(-1,)",
    "(2**60,)",
    "(1,)*99",
    "None",
    "True",
    "'<f4'",
    "'|O'",
    "1j",
)


def spoiled_bytes(content: bytes, random: Random) -> bytes:
    """A few bytes flipped, overwritten, taken out, repeated or put in; sometimes cut off."""
    broken = bytearray(content)
    for _ in range(random.randint(1, 5)):
        at = random.randrange(len(broken) + 1)
        reach = min(len(broken), at + random.choice((1, 2, 4, 8, random.randrange(64))))
        kind = random.randrange(5)
        if kind == 0 and at < len(broken):
            broken[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            broken[at:reach] = random.randbytes(reach - at)
        elif kind == 2:
            del broken[at:reach]
        elif kind == 3:
            broken[at:at] = broken[at:reach]
        else:
            broken[at:at] = random.randbytes(random.randrange(9))
    return bytes(broken[: random.randrange(len(broken) + 1)] if not random.randrange(6) else broken)


def spoiled_lengths(content: bytes, random: Random) -> bytes:
    """A small number of 2, 4 or 8 bytes, as a length is, replaced by another."""
    broken = bytearray(content)
    for _ in range(random.randint(1, 3)):
        size, code = random.choice(((2, "<H"), (4, "<I"), (8, "<Q")))
        places = [
            at
            for at in range(0, min(len(broken), 4_096) - size)
            if struct.unpack_from(code, broken, at)[0] < 2**20 and any(broken[at : at + size])
        ]
        if places:
            number = random.choice(_WIDE) % 2 ** (8 * size)
            struct.pack_into(code, broken, random.choice(places), number)
    return bytes(broken)


def spoiled_json(content: bytes, random: Random) -> bytes:
    """A value of the tree replaced, dropped, repeated, renamed or buried."""
    root = json.loads(content)
    for _ in range(random.randint(1, 3)):
        root = _spoiled_tree(root, random)
    return json.dumps(root).encode("utf-8", "surrogatepass")


def spoiled_lines(content: bytes, random: Random) -> bytes:
    """Lines repeated, swapped, joined or replaced."""
    lines = content.split(b"\n")
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(lines))
        replaced = (lines[at] * 2, b"", b"{", b"[" * 2_000, b"\xff", b'"\\ud800"', b"x" * 10_000)
        lines[at : at + random.randrange(2)] = [random.choice((*replaced, random.choice(lines)))]
    return random.choice((b"\n", b"\n", b"\r\n", b"\x0b", b"\x00")).join(lines)


def spoiled_safetensors(content: bytes, random: Random) -> bytes:
    """The header spoiled as JSON, with its length made to fit or not."""
    (length,) = struct.unpack_from("<Q", content)
    head = spoiled_json(content[8 : 8 + length], random)
    stated = len(head) if random.randrange(4) else random.choice(_WIDE)
    return struct.pack("<Q", stated) + head + content[8 + length :]


def spoiled_npy(content: bytes, random: Random) -> bytes:
    """A literal of the header replaced, with its length made to fit."""
    (length,) = struct.unpack_from("<H", content, 8)
    head = content[10 : 10 + length].decode()
    found = random.choice(list(re.finditer(r"'[^']*'|\([^)]*\)|True|False", head)))
    new = random.choice((*_ODD_LITERALS, "(" * random.randrange(1, 400), "9" * 5_000))
    spoiled = (head[: found.start()] + new + head[found.end() :]).encode()
    return content[:8] + struct.pack("<H", len(spoiled)) + spoiled + content[10 + length :]


def spoiled_archive(content: bytes, random: Random) -> bytes:
    """One part of a zip spoiled, its check sum made to fit; parts added, dropped or renamed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    at = random.randrange(len(parts))
    name, part = parts[at]
    kind = random.randrange(8)
    if kind == 0:
        del parts[at]
    elif kind == 1:
        parts.append((random.choice(("../out", "/out", f"{name}2", " ")), part))
    elif kind == 2:
        parts[at] = (random.choice(("../data.pkl", "v/data.pkl", "v/byteorder", name * 9)), part)
    else:
        parts[at] = (name, random.choice((spoiled_bytes, spoiled_lengths))(part, random))
    stream = io.BytesIO()
    compression = zipfile.ZIP_STORED if random.randrange(6) else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, part in dict(parts).items():
            archive.writestr(name, part)
    return stream.getvalue()


def _spoiled_tree(root: Any, random: Random) -> Any:
    holders = [root, *_holders(root)]
    holder = random.choice(holders)
    if not isinstance(holder, dict | list) or not holder:
        return _odd(random, root)
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key, kind = random.choice(keys), random.randrange(5)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder.insert(0, holder[key])
    elif kind == 1 and isinstance(holder, dict):
        holder[random.choice((*_ODD_TEXTS, f"{key}2"))] = holder[key]
    elif kind == 2:
        # A copy, or it would hold itself.
        holder[key] = json.loads(json.dumps(random.choice(holders)))
    else:
        holder[key] = _odd(random, holder[key])
    return root


def _holders(root: Any) -> list[Any]:
    inside = list(root.values()) if isinstance(root, dict) else root
    if not isinstance(inside, list):
        return []
    return [found for value in inside for found in (value, *_holders(value))]


def _odd(random: Random, value: Any) -> Any:
    """Something else in its place: of another type, size or depth."""
    deep: Any = value
    for _ in range(random.choice((1, 20, 150))):
        deep = [deep]
    others = (None, True, [], {}, {"": value}, deep, [value] * 3)
    return random.choice((random.choice(_ODD_TEXTS), random.choice(_ODD_NUMBERS), *others))
