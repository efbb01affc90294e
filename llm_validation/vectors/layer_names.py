"""Which layer the name of an array speaks of."""

from __future__ import annotations

import re

# "15", "layer.15" (ours), "layers_15", "model.layers.15", "direction.15" (GGUF),
# "blocks.15.hook_resid_post" (TransformerLens; no match for its hook_resid_pre, after block 14).
_NAMED = re.compile(
    r"(?:(?:.{1,60}\.)?(?:layers?|blocks?|h|direction)[._-]?)?([0-9]{1,4})(?:\.hook_resid_post)?"
)


def layer_of(name: str) -> int | None:
    """The number in a name that says it is one of a block; None for any other name.

    ``direction.<n>`` of GGUF control vectors is added by llama.cpp to the output of block n,
    counted from 0 (``build_cvec(cur, il)`` as the last step of block ``il``), which is our "after
    block n" with no shift; repeng numbers its layers alike. Bare numbers and ``layer.<n>`` are
    taken so too: it is what decoder lists in transformers and hooks on them count.
    """
    found = _NAMED.fullmatch(name)
    return None if found is None else int(found[1])
