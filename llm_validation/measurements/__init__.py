"""One measurement a file: ``measure(context, **settings)``, a cell's function (a dict of arrays).

Each gives the same result whenever it gets the same settings, wherever it runs.
"""
