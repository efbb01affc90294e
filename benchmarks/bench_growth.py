"""How the cost of an exact Fisher metric grows: prompts, width, prompt length, layers left."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
import transformers

from benchmarks.conftest import LAYER, timed
from llm_validation.continuation import Continuation

WORDS = 8192


@pytest.mark.benchmark(group="growth with prompts")
@pytest.mark.parametrize("prompts", [1, 2, 4, 8])
def test_prompts(benchmark, model, ids, prompts):
    """Prompts of one length, one after another, construction included."""

    def all_of_them() -> None:
        for i in range(prompts):
            Continuation(model, [*ids[i:], *ids[:i]], LAYER).fisher()

    benchmark.extra_info["size"] = prompts
    timed(benchmark, all_of_them, rounds=2)


@pytest.mark.benchmark(group="growth with prompt length")
@pytest.mark.parametrize("tokens", [16, 64, 256, 1024])
def test_prompt_length(benchmark, model, ids, tokens):
    """The suffix alone: the prefix has run."""
    prompt = (ids * (tokens // len(ids) + 1))[:tokens]
    continuation = Continuation(model, prompt, LAYER)
    benchmark.extra_info["size"] = tokens
    timed(benchmark, continuation.fisher, rounds=3)


@pytest.mark.benchmark(group="growth with blocks left")
@pytest.mark.parametrize("left", [1, 4, 14, 28])
def test_blocks_left(benchmark, model, ids, left):
    """Blocks between the state and the head."""
    continuation = Continuation(model, ids, 29 - left)
    benchmark.extra_info["size"] = left
    timed(benchmark, continuation.fisher, rounds=3)


@pytest.mark.benchmark(group="growth with width")
@pytest.mark.parametrize("width", [64, 128, 256, 512, 1024, 2048])
def test_width(benchmark, width):
    """Random Llama models of four blocks, a state after the second, 8192 words."""
    config = transformers.LlamaConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=4,
        num_attention_heads=max(1, width // 64),
        vocab_size=WORDS,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        decoder = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    continuation = Continuation(decoder.eval().requires_grad_(False), list(range(3, 35)), 1)
    benchmark.extra_info["size"] = width
    timed(benchmark, continuation.fisher, rounds=2)


_MEMORY = """
import json
from benchmarks.conftest import LAYER, _TEXT, TOKENS
from llm_validation.continuation import Continuation
from llm_validation.extraction import encode
from llm_validation.models import load_model

def peak():
    # Not ru_maxrss, which starts at that of the process that forked this one.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 2**20

model = load_model()
ids = encode(model, _TEXT, chat=False)[:TOKENS]
model.model(input_ids=__import__("torch").tensor([ids]))
before = peak()
Continuation(model, ids, LAYER).fisher()
print(json.dumps({"model": before, "above": peak() - before}))
"""


@pytest.mark.benchmark(group="peak memory")
def test_peak_memory(benchmark):
    """Above a process that has loaded the model and run one forward pass (GiB)."""

    def measure() -> dict[str, float]:
        done = subprocess.run([sys.executable, "-c", _MEMORY], capture_output=True, check=True)
        return json.loads(done.stdout)

    benchmark.extra_info["gib"] = timed(benchmark, measure, rounds=1)
    assert benchmark.extra_info["gib"]["above"] < 1.5
