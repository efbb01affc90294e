"""Defects drawn by cosmic-ray from every line of the mathematical core, and what notices them.

``python -m tools.mutants`` asks about defects that somebody thought of. Here a machine proposes
them: cosmic-ray names every operator, number, comparison and loop of a module that it would
change, a sample of these is drawn, and each change is put into a copy of the sources on its own,
where the tests of that module run.
"""
