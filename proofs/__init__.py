"""One theorem a file; ``proofs.ledger`` lists them in reading order."""
