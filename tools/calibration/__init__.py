"""Error rates of what counts dimensions, by simulation; those of statistics are beside them.

``identifiability.statistics.calibration`` simulates intervals and tests. The interval of a class's
dimension belongs to the audit, which that package must not import, and the noise floor to spectra.
"""
