"""``python -m toy_models`` is ``identifiability toy``."""

import sys

from identifiability.cli import main

if __name__ == "__main__":
    main(["toy", *sys.argv[1:]])
