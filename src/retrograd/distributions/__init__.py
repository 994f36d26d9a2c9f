"""Probability distributions: draws, densities, divergences."""
