"""Who may import whom, read off the sources."""

import ast
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "identifiability": {"identifiability"},
    "toy_models": {"toy_models"},
    "proofs": {"proofs", "identifiability", "toy_models"},
    "llm_validation": {"llm_validation", "identifiability"},
}
# Only what compares toys with estimators may know both.
TOY_VALIDATION = ("matrix.py", "__main__.py", "command.py", "cells", "diagram.py", "diagrams")


def _sources():
    return [path for folder in ALLOWED for path in sorted((ROOT / folder).rglob("*.py"))]


def _imports(path):
    """Every absolute import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def _folders_imported(path):
    return {name.split(".")[0] for name in _imports(path)} & set(ALLOWED)


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_each_file_imports_only_what_its_folder_may(path):
    place = path.relative_to(ROOT).parts
    allowed = set(ALLOWED[place[0]])
    if place[0] == "toy_models" and place[1].startswith(TOY_VALIDATION):
        allowed.add("identifiability")
    assert _folders_imported(path) <= allowed


def test_the_import_graph_of_files_has_no_cycle():
    graph = nx.DiGraph()
    modules = {
        ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p
        for p in _sources()
    }
    for name, path in modules.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in modules:
                inner = (f"{node.module}.{alias.name}" for alias in node.names)
                graph.add_edges_from((name, i if i in modules else node.module) for i in inner)
    lazy = {("identifiability", n) for n in modules}  # type-checking imports of the package itself
    graph.remove_edges_from([e for e in graph.edges if e in lazy])
    assert nx.is_directed_acyclic_graph(graph), nx.find_cycle(graph)


@pytest.mark.parametrize("module", ["identifiability.cli", "proofs.command", "toy_models.command"])
def test_listing_commands_loads_nothing_heavy(module):
    heavy = "{'torch', 'sympy', 'scipy', 'sklearn', 'transformers', 'matplotlib', 'pandas'}"
    script = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_the_ledger_loads_without_sympy_and_torch():
    script = (
        "import sys; from proofs.ledger import ledger; ledger();"
        "print(sorted({'torch', 'sympy', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
