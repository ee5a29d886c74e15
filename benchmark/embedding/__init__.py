"""Clips → embeddings in the store."""
