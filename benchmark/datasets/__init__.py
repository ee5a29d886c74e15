"""Task → clips on disk → samples and targets; splits, fetching, examining."""
