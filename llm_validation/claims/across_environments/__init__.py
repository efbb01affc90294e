"""Several environments: contexts, stacks, transfer, the one held out."""
