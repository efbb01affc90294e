"""Memory of an audit of three layers: what it keeps of each prompt, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.identifiability.cell_functions import ROOT
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import saved
from tests.memory import MEASURABLE, tree_bytes

MB = 1e6
SCRIPT = """
import sys
import numpy as np
from llm_validation.audit.auditing import audit
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import prompts
folder, count = sys.argv[1], int(sys.argv[2])
vector = 0.3 * np.random.default_rng(0).standard_normal(WIDTH)
given = {"prompts": prompts(200), "count": count, "out": f"{folder}/out{count}"}
found = audit(vector, f"{folder}/model", 1, apply=["layers=0,2"], workers=1, **given)
assert found.verdict
"""


def _largest(folder, count) -> tuple[float, float]:
    """Largest and median MB of the process tree, sampled five times a second."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, str(folder), str(count)]
    with (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(command, env=environment, stderr=errors)
    samples = []
    try:
        while process.poll() is None:
            samples.append(tree_bytes(process.pid) / MB)
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, (folder / "errors").read_text()
    return max(samples), sorted(samples)[len(samples) // 2]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not MEASURABLE, reason="no proportional set sizes here")
def test_an_audit_of_three_layers_keeps_a_metric_of_each_prompt_and_no_more(tmp_path):
    saved(tmp_path / "model", "llama", "float32")
    used = {count: _largest(tmp_path, count) for count in (50, 100, 200)}
    for count, (largest, usual) in used.items():
        print(f"{count} prompts, 3 layers: at most {largest:.0f} MB, usually {usual:.0f} MB")
    # Half of the prompts choose: a metric of 8 d^2 bytes for each, of the layer audited, is 0.8 MB
    # at 200 prompts of this width. Libraries are loaded as they are wanted, some or no MB of each
    # with the answer; 20 MB is a tenth of a MB for each prompt more.
    metrics = 8 * WIDTH**2 * (200 - 50) / 2 / MB
    assert used[200][0] - used[50][0] < metrics + 20
