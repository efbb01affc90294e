"""``python -m tools.calibration``: two sections of docs/calibration.md, to standard output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from tools.calibration import class_dimension, noise_floor


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.calibration", description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="for each cell (default 1000)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    if given.trials < 1 or given.seed < 0:
        parser.error("--trials must be at least 1 and --seed at least 0")
    for number, part in enumerate((class_dimension, noise_floor)):
        for line in part.section(given.trials, np.random.default_rng([given.seed, number])):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
