"""What several theorem files share: instances with known truth, and oracles."""
