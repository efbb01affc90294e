"""``python -m proofs`` is ``identifiability proofs``."""

import sys

from identifiability.cli import main

if __name__ == "__main__":
    main(["proofs", *sys.argv[1:]])
