"""Each figure is a function from results to axes; nothing is computed while plotting."""
