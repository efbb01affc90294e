"""Deliberate defects in the maths and the statistics, each of which a check has to catch.

``python -m tools.mutants`` copies the sources, puts one defect at a time into the copy, runs the
tests and theorem checks that are said to catch it, and reports which one did.
"""
