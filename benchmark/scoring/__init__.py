"""Scores of a probe's outputs, and their intervals."""
