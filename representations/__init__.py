"""The built-in representations, one module each."""
