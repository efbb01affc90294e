"""Figures and the HTML report, made from result files only."""
