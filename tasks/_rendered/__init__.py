"""The corpus behind the rendered tasks: what is played, its notes, its sound, its files."""
