"""Other libraries' kernels and thread counts: other last digits, the same numbers and verdicts."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from tests.identifiability.cell_functions import ROOT
from tests.llm_validation.tiny_run import tiny_request

# A logit of order ten is known to ten units of float32, 1.2e-6, and a divergence of K nats with it
# to f + 2 sqrt(f K), f = 1.4e-12: 2.4e-7 at K = 0.01. What is read off it is compared within a
# thousandth, and below a millionth of a nat (or a cosine) not at all.
RELATIVE, ABSOLUTE = 1e-3, 1e-6

SCRIPT = """
import json, sys
from pathlib import Path
from threadpoolctl import threadpool_limits
from tests.llm_validation.tiny_run import request_of, tiny_run
threads = int(sys.argv[2])
if threads > 1:  # against our own rule, to see what the rule is worth
    import threadpoolctl, torch
    original = torch.set_num_threads
    threadpoolctl.threadpool_limits = lambda _: threadpool_limits(threads)
    torch.set_num_threads = lambda _: original(threads)
folder = Path(sys.argv[1])
document, _ = tiny_run(folder / sys.argv[3], request_of(folder), workers=1)
print(json.dumps(document))
"""
VARIANTS = {
    "as it is": ({}, 1),
    "allowed two threads": ({"OMP_NUM_THREADS": "2"}, 1),
    "two threads in a cell": ({"OMP_NUM_THREADS": "2"}, 2),
    "older kernels": ({"OPENBLAS_CORETYPE": "Sandybridge", "MKL_CBWR": "COMPATIBLE"}, 1),
    "other kernels": ({"OPENBLAS_CORETYPE": "Haswell", "MKL_CBWR": "AVX2"}, 1),
}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the kernels named are of x86-64")
def test_kernels_and_threads_change_last_digits_and_no_verdict(tmp_path):
    tiny_request(tmp_path)
    found = {}
    for name, (chosen, threads) in VARIANTS.items():
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **chosen, "PYTHONPATH": str(ROOT)}
        arguments = [str(tmp_path), str(threads), name.replace(" ", "-")]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments],
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        found[name] = json.loads(done.stdout)
    expected = found["as it is"]
    # One thread a cell is the rule, whatever the environment allows: not a bit.
    assert found["allowed two threads"] == expected
    for name, other in found.items():
        largest = _compared(expected, other)
        print(f"{name}: largest difference {largest:.1e} of a thousandth, verdicts equal")
    # Else nothing was compared.
    assert found["older kernels"]["claims"] != expected["claims"]


def _compared(expected, other) -> float:
    """Largest difference in units of what is allowed."""
    assert [row["verdict"] for row in other["claims"]] == [
        row["verdict"] for row in expected["claims"]
    ]
    assert [_plain(row) for row in other["verdicts"]] == [
        _plain(row) for row in expected["verdicts"]
    ]
    a, b = (np.array([_numbers(row) for row in found["claims"]]) for found in (expected, other))
    largest = (np.abs(a - b) / (ABSOLUTE + RELATIVE * np.abs(a))).max()
    assert largest < 1
    return float(largest)


def _plain(verdict):
    return {key: verdict[key] for key in ("claim", "layer", "trait", "verdict")}


def _numbers(row):
    ends = row["interval"] or (0.0, 0.0)
    return [row["prediction"], row["measured"], *ends]
