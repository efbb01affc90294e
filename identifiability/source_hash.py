"""The hash of a module's source and of all that it imports from the same project.

Imports are read and not run: wherever an import stands in a file, what it names belongs to it.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

PROJECT = frozenset({"identifiability", "proofs", "toy_models", "llm_validation"})
"""Top-level packages whose source is followed; of other libraries the installed version decides."""


@lru_cache
def source_hash(module: str) -> str:
    """SHA-256 over the module and everything of the project that it needs, in hexadecimal.

    The module's own top-level package is followed too, whatever it is. What is not written in
    Python counts by its name alone.
    """
    followed = PROJECT | {module.partition(".")[0]}
    waiting, digests = [module], {}
    while waiting:
        name = waiting.pop()
        if name in digests:
            continue
        path = _path(name)
        digests[name] = "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
        if path is not None and name.partition(".")[0] in followed:
            waiting.extend(n for n in _imports(path, name) if n.partition(".")[0] in followed)
    return hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()


@lru_cache
def _imports(path: Path, module: str) -> tuple[str, ...]:
    """Full names of the modules that a file imports."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return tuple(dict.fromkeys(_named(ast.parse(path.read_bytes()), package)))


def _named(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join(
                [*(parents if node.level else []), *([node.module] if node.module else [])]
            )
            yield base
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                if base.partition(".")[0] in PROJECT | {package.partition(".")[0]} and _path(inner):
                    yield inner


@lru_cache
def _path(module: str) -> Path | None:
    """Where a module's Python source is, if it is a module and written in Python."""
    try:
        found = find_spec(module)
    except ModuleNotFoundError:  # a name inside of a module, not a module in a package
        return None
    origin = None if found is None else found.origin
    return Path(origin) if origin is not None and origin.endswith(".py") else None
