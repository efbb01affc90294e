"""``make docs``: notebooks are put beside the pages, Sphinx runs, and what it wrote is read.

Nothing is fetched. What fails the build: a notebook that fails, any warning of Sphinx, a link to a
page or a heading that is not there, anything that a page would load from the network.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tools.check_site import problems
from tools.docs_notebooks import collect

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def main(arguments: list[str] | None = None) -> int:
    """Build the site and check it; the exit status."""
    parser = argparse.ArgumentParser(prog="make docs", description=__doc__)
    parser.add_argument("--out", type=Path, default=DOCS / "_build" / "html", help="the pages")
    parser.add_argument(
        "--without-notebooks", action="store_true", help="leave them out, for a quick look"
    )
    options = parser.parse_args(arguments)
    shown = DOCS / "notebooks" / "built"
    shutil.rmtree(shown, ignore_errors=True)
    count = 0 if options.without_notebooks else collect(shown)
    if not count:
        shown.mkdir(parents=True)
        (shown / "left-out.md").write_text("# Left out\n\nThis site was built without notebooks.\n")
    status = sphinx(options.out)
    if status:
        return status
    found = problems(options.out)
    for problem in found:
        print(f"docs: {problem}", file=sys.stderr)
    if found:
        return 1
    size = sum(file.stat().st_size for file in options.out.rglob("*") if file.is_file())
    print(f"docs: {options.out / 'index.html'} ({count} notebooks, {size / 1e6:.1f} MB)")
    return 0


def sphinx(out: Path) -> int:
    """Run Sphinx; every warning is an error, and all of them are shown."""
    # -E: pages of the reference depend on sources that Sphinx does not watch.
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "-n", "-E", "-q"]
    command += ["-d", str(out.parent / "doctrees"), str(DOCS), str(out)]
    shutil.rmtree(DOCS / "reference" / "generated", ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
