"""The lessons, as percent-format scripts; installed as ``identifiability.lessons``."""
