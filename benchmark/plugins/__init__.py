"""Find plugins and read them without running them."""
