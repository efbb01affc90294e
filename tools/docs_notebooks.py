"""Executed notebooks for the documentation: whole ones where they are, else at reduced settings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WHOLE = ROOT / "results" / "notebooks"  # where `make notebooks` puts them
REDUCED = ROOT / "docs" / "_build" / "reduced-notebooks"
_NOTE = (
    "*Executed at reduced settings, for this page. `identifiability notebooks {name}` executes it "
    "at its own.*"
)


def collect(target: Path) -> int:
    """Put every lesson, executed, into a folder; how many there are.

    A notebook counts only while it is newer than its script: an older one would show what the
    script no longer says.

    Raises
    ------
    subprocess.CalledProcessError
        If a notebook fails; it has said why on stderr.
    """
    scripts = [p for p in sorted((ROOT / "notebooks").glob("*.py")) if p.stem != "__init__"]
    missing = [s for s in scripts if not (_fresh(s, WHOLE) or _fresh(s, REDUCED))]
    if missing:
        print(f"docs: executing {len(missing)} notebooks at reduced settings")
        command = [sys.executable, "-m", "identifiability", "notebooks", "--reduced", "--quiet"]
        command += ["--out", str(REDUCED), *(script.stem for script in missing)]
        subprocess.run(command, cwd=ROOT, check=True)
    target.mkdir(parents=True, exist_ok=True)
    for script in scripts:
        whole = _fresh(script, WHOLE)
        source = _executed(script, WHOLE if whole else REDUCED)
        notebook = prepared(json.loads(source.read_text(encoding="utf-8")), script.stem, whole)
        (target / source.name).write_text(json.dumps(notebook), encoding="utf-8")
    return len(scripts)


def prepared(notebook: dict[str, Any], name: str, whole: bool) -> dict[str, Any]:
    """With text alternatives where MyST-NB looks for them, and a word on how it was executed."""
    for cell in notebook["cells"]:
        if alternative := cell["metadata"].get("alt"):
            cell["metadata"]["mystnb"] = {"image": {"alt": alternative}}
    if not whole:
        note = {"cell_type": "markdown", "id": "reduced", "metadata": {}}
        notebook["cells"].insert(1, note | {"source": _NOTE.format(name=name)})
    return notebook


def _executed(script: Path, folder: Path) -> Path:
    return folder / f"{script.stem}.ipynb"


def _fresh(script: Path, folder: Path) -> bool:
    notebook = _executed(script, folder)
    return notebook.is_file() and notebook.stat().st_mtime >= script.stat().st_mtime
