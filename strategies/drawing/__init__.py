"""Hypothesis strategies: configs, sizes, numbers, and whole cases inside given capabilities."""
