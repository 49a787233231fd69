"""Drawn surveillance footage with known truth: the shipped sample clips and what the tests look at."""
