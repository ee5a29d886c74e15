"""Embeddings → one row: arrange, train, select, test, write."""
