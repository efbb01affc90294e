"""``python -m identifiability`` is the ``identifiability`` command."""

from identifiability.cli import main

if __name__ == "__main__":
    main()
