"""Feeds spoiled files to every reader of the package and counts what comes of them.

    python -m tools.fuzz [TARGET...] [--seconds S] [--seed N] [--keep FOLDER]

A reader may answer or raise ``InvalidInput``; anything else is a crash, and so are an answer that
is no answer (a NaN, say) and more than ``PATIENCE`` seconds. Crashing inputs are printed with the
seed that makes them again, once for each place in the code, and kept in the folder if one is given.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from tools import fuzz_edits as edits

PATIENCE = 10
"""Seconds after which a reader is taken to hang; the slowest sound file takes a tenth of one."""


class Hangs(BaseException):
    """No Exception, which a reader might take for trouble with the file."""


@dataclass(frozen=True)
class Target:
    """A reader, sound files for it, and how to spoil them.

    Attributes
    ----------
    suffix
        Of the files.
    read
        Reads a file and returns the numbers in it, which have to be finite.
    sound
        Writes a sound file to a path.
    edits
        One is chosen at random, ``spoiled_bytes`` among them.
    """

    suffix: str
    read: Callable[[Path], Any]
    sound: Callable[[Path], None]
    edits: tuple[edits.Edit, ...]

    def seeds(self) -> list[bytes]:
        """Contents of sound files."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"sound{self.suffix}")
            self.sound(path)
            return [path.read_bytes()]


@dataclass
class Tally:
    """What became of the inputs of one target."""

    tried: int = 0
    answered: int = 0
    refused: int = 0
    crashes: Counter[str] = field(default_factory=Counter)
    first: dict[str, tuple[int, bytes]] = field(default_factory=dict)


def spoiled(target: Target, seeds: Sequence[bytes], seed: int) -> bytes:
    """The input that a seed stands for; one edit in most, two in some."""
    random = Random(seed)
    content = random.choice(seeds)
    edit = random.choice((edits.spoiled_bytes, *target.edits))
    content = edit(content, random)
    return edits.spoiled_bytes(content, random) if not random.randrange(4) else content


def outcome(target: Target, path: Path, content: bytes) -> str | None:
    """None for an answer, "" for a refusal in one sentence, else what went wrong and where."""
    path.write_bytes(content)
    try:
        with patience(PATIENCE):
            found = target.read(path)
    except InvalidInput as error:
        message = str(error)
        return "" if message and message.isprintable() else f"no one line: {message[:80]!r}"
    except Hangs:
        return f"no answer after {PATIENCE} s"
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        last = frames[-1]
        return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {error!s:.80}"
    numbers = np.asarray(found, dtype=np.float64)
    return None if np.isfinite(numbers).all() else "an answer with NaN or infinity"


def fuzz(target: Target, seconds: float, seed: int, path: Path) -> Tally:
    """Try spoiled files for so many seconds of this process, whatever else the machine does."""
    tally, seeds, end = Tally(), target.seeds(), time.process_time() + seconds
    while time.process_time() < end:
        this = seed + tally.tried
        content = spoiled(target, seeds, this)
        tally.tried += 1
        said = outcome(target, path, content)
        if said is None:
            tally.answered += 1
        elif said == "":
            tally.refused += 1
        else:
            tally.crashes[said] += 1
            tally.first.setdefault(said, (this, content))
    return tally


def main(arguments: Sequence[str]) -> int:
    """Fuzz the targets named, or all; the exit status is 1 if one crashes."""
    from tools.fuzz_targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=10.0, help="CPU time for each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for inputs that crash")
    options = parser.parse_args(arguments)
    if strange := set(options.targets) - set(TARGETS):
        parser.error(f"unknown target {strange.pop()!r}; choose from {', '.join(TARGETS)}")
    total, crashed = 0, 0
    print(f"{'target':<14} {'tried':>8} {'answered':>9} {'refused':>8} {'crashes':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.targets or list(TARGETS):
            target = TARGETS[name]
            path = Path(folder, f"spoiled{target.suffix}")
            tally = fuzz(target, options.seconds, options.seed, path)
            total, crashed = total + tally.tried, crashed + len(tally.crashes)
            counts = tally.tried, tally.answered, tally.refused, sum(tally.crashes.values())
            print(
                f"{name:<14} {counts[0]:>8} {counts[1]:>9} {counts[2]:>8} {counts[3]:>8}",
                flush=True,
            )
            for said, count in tally.crashes.most_common():
                this, content = tally.first[said]
                print(f"  {count} x {said} (first with --seed {this})")
                if options.keep is not None:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    (options.keep / f"{name}-{this}{target.suffix}").write_bytes(content)
    print(json.dumps({"tried": total, "kinds of crash": crashed}))
    return int(crashed > 0)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raise ``Hangs`` in what takes longer, even where the exception gets lost on its way.

    What a signal raises inside a library's C or Rust code is that code's to pass on. torch, called
    back by safetensors, takes it for a sequence without a length and raises a ValueError, which a
    reader would call a damaged file.
    """
    late = False

    def give_up(_number: int, _frame: Any) -> None:
        nonlocal late
        late = True
        raise Hangs

    handler = signal.signal(signal.SIGALRM, give_up)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)  # a test's own limit may be running
    try:
        yield
    except Exception:
        if not late:
            raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)
    if late:
        raise Hangs


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main(sys.argv[1:]))
