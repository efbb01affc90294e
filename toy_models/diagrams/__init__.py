"""One phase diagram a file, each exporting ``DIAGRAM``; ``toy_models.matrix`` runs them."""
