"""A process that has loaded what tests import from others, and forks for each run of checks.

Most of the time of a short test goes into importing numpy, scipy and torch. This script, started in
a copy of the sources, imports them once. Each line of its input is JSON: a module, its arguments,
a file for its output and a limit in seconds. A fork runs the module as ``python -m`` would; nothing
of the sources is loaded before the fork. The answer is a line with the exit status, or
``too long``.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import runpy
import signal
import sys
import time
import traceback

LIBRARIES = (
    "hypothesis.strategies",
    "numpy.testing",
    "scipy.stats",
    "scipy.optimize",
    "scipy.sparse.linalg",
    "torch",
    "torch.func",
    "sympy",
    "networkx",
    "sklearn.decomposition",
    "statsmodels.stats.power",
    "statsmodels.stats.weightstats",
    "transformers.cache_utils",
    "transformers.models.llama.modeling_llama",
)
TOO_LONG = "too long"
LOADED = "--loaded"  # on the command line: import them; else each fork does for itself


def serve() -> None:
    """Answer requests until the input ends."""
    sys.path[0] = os.getcwd()
    for name in ("pytest", *(LIBRARIES if LOADED in sys.argv else ())):
        # A test that needs what is not installed says so itself.
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)
    _same_examples_every_time()
    for line in sys.stdin:
        module, arguments, output, limit = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(module, arguments, output)
        print(_status(child, limit), flush=True)


def _same_examples_every_time() -> None:
    """For hypothesis: nothing is remembered from one defect to the next, and nothing made small.

    That a test fails is all that counts here; the smallest example that fails takes minutes. A
    test that is only slow, on a machine that does other things, has caught nothing.
    """
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("mutants")


def _run(module: str, arguments: list[str], output: str) -> None:
    """In the fork: the module with its output in a file. Does not return."""
    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.argv = [module, *arguments]
    status: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
    except BaseException:  # a fork that went on would answer the next request too
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(status) if isinstance(status, int) else 0 if status is None else 1)


def _status(child: int, limit: float) -> int | str:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TOO_LONG


if __name__ == "__main__":
    serve()
