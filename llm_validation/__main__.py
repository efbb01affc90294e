"""``python -m llm_validation`` is ``identifiability llm``."""

import sys

from identifiability.cli import main

if __name__ == "__main__":
    main(["llm", *sys.argv[1:]])
