"""Displaced states: arms that share cells, and what is predicted of them."""
